/** A journal that the gateway keeps: the newest first, older ones page by page behind. */

import { asProblem, type Problem } from './api'
import type { Listing } from './contract'
import { addNewest, addOlder } from './feed'

const PAGE = 100

type Fetch<T> = (limit: number, before?: number) => Promise<Listing<T>>

export class Journal<T extends { id: number }> {
  events = $state.raw<T[]>([])
  loaded = $state(false)
  /** nothing older exists */
  complete = $state(false)
  loadingOlder = $state(false)
  problem = $state.raw<Problem | null>(null)

  #fetch: Fetch<T>
  #older: Promise<void> | null = null
  /** grows with each question: an answer to an old one counts no more */
  #asked = 0

  constructor(fetch: Fetch<T>) {
    this.#fetch = fetch
  }

  /** Another question (a filter was chosen): nothing of the old answer stays. */
  ask(fetch: Fetch<T>): Promise<void> {
    this.#fetch = fetch
    this.#asked += 1
    this.#older = null
    this.events = []
    this.loaded = this.complete = this.loadingOlder = false
    return this.load()
  }

  /** The newest, in front of what is known. */
  async load(): Promise<void> {
    const mine = this.#asked
    try {
      const page = (await this.#fetch(PAGE)).items
      if (mine !== this.#asked) return
      const merged = addNewest(this.events, page)
      if (merged.gap) this.complete = false
      if (page.length < PAGE) this.complete = true
      this.events = merged.events
      this.loaded = true
      this.problem = null
    } catch (error) {
      if (mine === this.#asked) this.problem = asProblem(error)
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
    const mine = this.#asked
    this.loadingOlder = true
    try {
      const page = (await this.#fetch(PAGE, before)).items
      if (mine !== this.#asked) return
      this.events = addOlder(this.events, page)
      this.complete = page.length < PAGE
      this.problem = null
    } catch (error) {
      if (mine === this.#asked) this.problem = asProblem(error)
    } finally {
      if (mine === this.#asked) {
        this.loadingOlder = false
        this.#older = null
      }
    }
  }
}
