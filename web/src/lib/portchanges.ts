/** What changed between two looks at the ports. Pure; the page keeps the list. */

import type { Port } from './contract'
import { ownerText, portId } from './ports'

/** Older changes are dropped: a page left open for a week must not grow. */
export const KEPT_CHANGES = 100

export type ChangeKind = 'opened' | 'closed' | 'moved' | 'owner'

export interface PortChange {
  /** epoch milliseconds by the gateway's clock: when the page saw it */
  t: number
  kind: ChangeKind
  id: string
  port: number
  /** what is so now, and what was, in words */
  now: string
  before: string
}

/** A taken port that nobody is seen on has just been let go: the gateway tries again within seconds. */
function isOpen(port: Port): boolean {
  return port.state === 'LISTENING' || port.state === 'CONNECTED' || (port.state === 'TAKEN' && port.owner !== null)
}

function change(before: Port, now: Port, t: number): PortChange | null {
  const base = { t, id: portId(now), port: now.port, now: words(now), before: words(before) }
  if (before.port !== now.port) return { ...base, kind: 'moved', now: `port ${now.port}`, before: `port ${before.port}` }
  if (isOpen(now) !== isOpen(before)) return { ...base, kind: isOpen(now) ? 'opened' : 'closed' }
  const pid = (port: Port) => port.owner?.pid ?? null
  if (isOpen(now) && (pid(now) !== pid(before) || now.state !== before.state)) return { ...base, kind: 'owner' }
  return null
}

function words(port: Port): string {
  if (port.state === 'CONNECTED') return 'connected'
  return port.owner ? ownerText(port) : port.state.toLowerCase()
}

/** In the order of the table. A port that is new in the configuration is no change of its state. */
export function portChanges(before: Port[], now: Port[], t: number): PortChange[] {
  const known = new Map(before.map((port) => [`${port.direction} ${portId(port)}`, port]))
  return now.flatMap((port) => {
    const was = known.get(`${port.direction} ${portId(port)}`)
    const found = was ? change(was, port, t) : null
    return found ? [found] : []
  })
}

/** The newest first, bounded. */
export function keepChanges(found: PortChange[], kept: PortChange[]): PortChange[] {
  return found.length === 0 ? kept : [...[...found].reverse(), ...kept].slice(0, KEPT_CHANGES)
}

export function changeWords(one: PortChange): string {
  switch (one.kind) {
    case 'opened': return `opened: ${one.now}`
    case 'closed': return `closed, was ${one.before}`
    case 'moved': return `moved to ${one.now}, was ${one.before}`
    case 'owner': return `now held by ${one.now}, was ${one.before}`
  }
}

/** The command that tells everything about a port. */
export function explainCommand(port: Port, dataDir: string): string {
  return `plantgate ports explain ${port.port || port.name}${dataDir ? ` --data ${quoted(dataDir)}` : ''}`
}

function quoted(text: string): string {
  return /^[\w@%+=:,./\\-]+$/.test(text) ? text : `"${text}"`
}
