/** The badge feed: newest first, live events in front, older ones page by page behind. */

import { api, asProblem, type Problem } from './api'
import { addOlder, addNewest, addLive } from './feed'
import type { BadgeEvent } from './contract'
import { link } from './link.svelte'

const PAGE = 100

class Badges {
  events = $state.raw<BadgeEvent[]>([])
  loaded = $state(false)
  /** nothing older exists */
  complete = $state(false)
  loadingOlder = $state(false)
  problem = $state.raw<Problem | null>(null)

  #older: Promise<void> | null = null
  #live = new Set<(event: BadgeEvent) => void>()

  start(): void {
    link.on('badge', ({ event }) => {
      this.events = addLive(this.events, event)
      for (const listener of this.#live) listener(event)
    })
    link.onConnected(() => void this.load())
  }

  onLive(listener: (event: BadgeEvent) => void): () => void {
    this.#live.add(listener)
    return () => void this.#live.delete(listener)
  }

  async load(): Promise<void> {
    try {
      const page = (await api.badgeEvents(PAGE)).items
      const merged = addNewest(this.events, page)
      if (merged.gap) this.complete = false
      if (page.length < PAGE) this.complete = true
      this.events = merged.events
      this.loaded = true
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
    }
  }

  /** One page further back. Who asks while one is under way waits for that one. */
  loadOlder(): Promise<void> {
    const last = this.events.at(-1)
    if (this.complete || last === undefined) return Promise.resolve()
    this.#older ??= this.#fetchOlder(last.id)
    return this.#older
  }

  async #fetchOlder(before: number): Promise<void> {
    this.loadingOlder = true
    try {
      const page = (await api.badgeEvents(PAGE, before)).items
      this.events = addOlder(this.events, page)
      this.complete = page.length < PAGE
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
    } finally {
      this.loadingOlder = false
      this.#older = null
    }
  }
}

export const badges = new Badges()
