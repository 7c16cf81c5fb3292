/** The port table: what stands on top and how an owner is named. Pure. */

import type { Port } from './contract'

/** One name may stand for several devices. */
export function portId(port: Port): string {
  return port.instance ? `${port.name}/${port.instance}` : port.name
}

export function isConflict(port: Port): boolean {
  return port.state === 'TAKEN'
}

/** Something to read and do, other than for a port that is off on purpose. */
export function needsAttention(port: Port): boolean {
  return isConflict(port) || (port.state !== 'DISABLED' && (port.reason !== '' || port.next_step !== ''))
}

/** Conflicts, then what wants attention, then what we listen on, then what we connect to, what is not in use last. */
function urgency(port: Port): number {
  if (isConflict(port)) return 0
  if (needsAttention(port)) return 1
  if (port.state === 'DISABLED') return 5
  if (port.state === 'CLOSED') return 4
  return port.direction === 'listen' ? 2 : 3
}

export function sortPorts(ports: Port[]): Port[] {
  return [...ports].sort((a, b) => urgency(a) - urgency(b) || a.port - b.port || portId(a).localeCompare(portId(b)))
}

export function searchPorts(ports: Port[], text: string): Port[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return ports.filter((port) => {
    const haystack = `${port.port} ${port.name} ${port.instance} ${port.host} ${port.purpose} ${port.protocol} ${port.key} ${port.state}`.toLowerCase()
    return words.every((word) => haystack.includes(word))
  })
}

export function ownerText(port: Port): string {
  const owner = port.owner
  if (owner === null) return isConflict(port) ? 'nobody to be seen: it was just let go, or only an administrator may see who' : '–'
  const name = owner.name ?? 'unknown process'
  const facts = [owner.pid === null ? '' : `pid ${owner.pid}`, owner.user ? `user ${owner.user}` : ''].filter(Boolean)
  return facts.length > 0 ? `${name} (${facts.join(', ')})` : name
}
