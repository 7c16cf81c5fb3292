/** Parts of the gateway: their order and the sentence that sums them up. Pure. */

import type { GatewayState, Health, Part } from './contract'
import { plural } from './format'

const URGENCY: Record<Health, number> = { failed: 0, starting: 1, ok: 2, disabled: 3 }
const KINDS: Record<string, number> = { listener: 0, device: 1, reader: 2, store: 3 }

/** The sick ones first, then by kind, then by name. */
export function sickFirst(parts: Part[]): Part[] {
  return [...parts].sort(
    (a, b) =>
      URGENCY[a.health] - URGENCY[b.health] || (KINDS[a.kind] ?? 9) - (KINDS[b.kind] ?? 9) || a.name.localeCompare(b.name),
  )
}

export interface Summary {
  health: 'ok' | 'starting' | 'failed'
  sentence: string
}

export function summarise(parts: Part[], state: GatewayState | ''): Summary {
  const failed = parts.filter((part) => part.health === 'failed')
  const starting = parts.filter((part) => part.health === 'starting')
  const first = failed[0]
  if (state === 'STOPPING') return { health: 'starting', sentence: 'The gateway is stopping' }
  if (first) {
    const what = `${first.name}: ${first.reason || first.state}`
    return { health: 'failed', sentence: `${plural(failed.length, 'problem')}: ${what}${failed.length > 1 ? ' …' : ''}` }
  }
  if (state === 'STARTING' || starting.length > 0) {
    const names = starting.map((part) => part.name).slice(0, 3).join(', ')
    return { health: 'starting', sentence: names ? `Starting: ${names}` : 'The gateway is starting' }
  }
  return { health: 'ok', sentence: 'Everything is running' }
}
