/** The badge feed: live events in front of the journal. */

import { api } from './api'
import { addLive } from './feed'
import type { BadgeEvent } from './contract'
import { Journal } from './journal.svelte'
import { link } from './link.svelte'

class Badges extends Journal<BadgeEvent> {
  #live = new Set<(event: BadgeEvent) => void>()

  constructor() {
    super(api.badgeEvents)
  }

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
}

export const badges = new Badges()
