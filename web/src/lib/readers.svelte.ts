/** The badge readers, kept fresh while a page shows them. */

import { api, asProblem, type Problem } from './api'
import { badges } from './badges.svelte'
import type { Reader } from './contract'
import { gateway } from './gateway.svelte'
import { link } from './link.svelte'

/** A burst of badges asks for the readers' counters once. */
const AFTER_MS = 400
const EVERY_MS = 5_000

class Readers {
  items = $state.raw<Reader[] | null>(null)
  problem = $state.raw<Problem | null>(null)

  #timer = 0

  get names(): string[] {
    return (this.items ?? []).map((reader) => reader.name).sort((a, b) => a.localeCompare(b))
  }

  async load(): Promise<void> {
    try {
      this.items = (await api.readers()).items
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
    }
  }

  /** For an effect: keeps them fresh until the returned function is called. */
  use(): () => void {
    void gateway.condition
    this.#soon()
    const ends = [badges.onLive(() => this.#soon()), link.onConnected(() => this.#soon())]
    const every = window.setInterval(() => {
      if (!document.hidden && !link.lost) void this.load()
    }, EVERY_MS)
    return () => {
      for (const end of ends) end()
      window.clearInterval(every)
      window.clearTimeout(this.#timer)
      this.#timer = 0
    }
  }

  #soon(): void {
    if (this.#timer) return
    this.#timer = window.setTimeout(
      () => {
        this.#timer = 0
        void this.load()
      },
      this.items ? AFTER_MS : 0,
    )
  }
}

export const readers = new Readers()
