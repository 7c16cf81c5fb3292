/** The alarms that want attention, live: active or not acknowledged, and not shelved. */

import { alarmApi } from './alarmapi'
import { byUrgency } from './alarmwords'
import type { AlarmCounts, AlarmRow } from './alarmcontract'
import { link } from './link.svelte'

const NONE: AlarmCounts = { active: 0, unacknowledged: 0, shelved: 0, highest: null, by_priority: { diagnostic: 0, low: 0, medium: 0, high: 0, critical: 0 } }

/** The stream begins with the most urgent ones. When those are done with, the next are asked for: so many, this soon. */
const NEXT = 1_000
const NEXT_AFTER_MS = 500
/** With fewer than these in hand while there are more. */
const FEW = 500

class Alarms {
  /** The most urgent first. */
  rows = $state.raw<AlarmRow[]>([])
  counts = $state.raw<AlarmCounts>(NONE)
  /** grows with every change to any alarm, shelving and acknowledging too */
  revision = $state(0)
  loaded = $state(false)

  #events = new Map<number, AlarmRow>()
  #new = new Set<(row: AlarmRow) => void>()
  #next = 0
  /** what left the list while the next ones were asked for: the answer may still have it */
  #left = new Set<number>()

  start(): void {
    link.on('alarms', ({ snapshot, events, counts, revision }) => this.#apply(events, counts, revision, snapshot ?? false))
  }

  /** How many there are, also of those that are not in hand. */
  get total(): number {
    return Math.max(this.rows.length, Object.values(this.counts.by_priority).reduce((sum, count) => sum + count, 0))
  }

  find(id: number): AlarmRow | undefined {
    return this.#events.get(id)
  }

  /** Called with each alarm that becomes active while the page is open. */
  onNew(listener: (row: AlarmRow) => void): () => void {
    this.#new.add(listener)
    return () => void this.#new.delete(listener)
  }

  #apply(events: AlarmRow[], counts: AlarmCounts, revision: number, snapshot: boolean): void {
    if (snapshot) this.#events.clear()
    for (const row of events) {
      if (row.id === null) continue
      if (row.state === 'clear_acked' || row.shelved_until !== null) {
        this.#events.delete(row.id)
        if (this.#next) this.#left.add(row.id)
        continue
      }
      const fresh = !snapshot && row.state === 'active_unacked' && !this.#events.has(row.id)
      this.#events.set(row.id, row)
      if (fresh) for (const listener of this.#new) listener(row)
    }
    this.counts = counts
    this.revision = revision
    this.loaded = true
    this.#show()
    if (this.rows.length < Math.min(FEW, this.total) && !this.#next) this.#next = window.setTimeout(() => void this.#fill(), NEXT_AFTER_MS)
  }

  async #fill(): Promise<void> {
    try {
      const { items } = await alarmApi.list({ state: 'live' }, 0, NEXT)
      for (const row of items) if (row.id !== null && !this.#events.has(row.id) && !this.#left.has(row.id)) this.#events.set(row.id, row)
      this.#show()
    } catch {
      // The next message of the stream asks again.
    } finally {
      this.#next = 0
      this.#left.clear()
    }
  }

  #show(): void {
    this.rows = [...this.#events.values()].sort(byUrgency)
  }
}

export const alarms = new Alarms()
