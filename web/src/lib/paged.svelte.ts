/** A list that the gateway keeps and the page sees a part of: rows come in pages as they come into sight. */

import { asProblem, type Problem } from './api'
import type { Listing } from './contract'

const PAGE = 100

type Fetch<T> = (offset: number, limit: number, signal: AbortSignal) => Promise<Listing<T>>

export class Paged<T> {
  /** as long as the whole list; undefined is a row that has not come yet */
  rows = $state.raw<(T | undefined)[]>([])
  total = $state(0)
  loaded = $state(false)
  problem = $state.raw<Problem | null>(null)

  #fetch: Fetch<T>
  #first = 0
  #last = 0
  #fresh = new Set<number>()
  #under = new Set<number>()
  #abort = new AbortController()
  /** nothing of the old answer may stay: its rows are others */
  #other = false

  constructor(fetch: Fetch<T>) {
    this.#fetch = fetch
  }

  get matching(): number {
    return this.rows.length
  }

  /** Another question (a filter was typed): what is shown stays until its answer comes. */
  ask(fetch: Fetch<T>): void {
    this.#fetch = fetch
    this.#first = this.#last = 0
    this.#other = true
    this.reload()
  }

  /** The rows from `first` to before `last` are in sight. */
  want(first: number, last: number): void {
    this.#first = first
    this.#last = last
    for (let page = Math.floor(first / PAGE); page * PAGE < Math.min(last, Math.max(1, this.rows.length)); page += 1) {
      if (!this.#fresh.has(page) && !this.#under.has(page)) void this.#load(page)
    }
  }

  /** Everything may have changed: what is in sight is asked for again, the rest when it comes into sight. */
  reload(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
    this.#fresh.clear()
    this.#under.clear()
    this.want(this.#first, Math.max(this.#last, 1))
  }

  stop(): void {
    this.#abort.abort()
  }

  async #load(page: number): Promise<void> {
    const { signal } = this.#abort
    this.#under.add(page)
    try {
      const { items, metadata } = await this.#fetch(page * PAGE, PAGE, signal)
      if (signal.aborted) return
      const rows = this.#other ? [] : this.rows.slice(0, metadata.matching)
      rows.length = metadata.matching
      this.#other = false
      items.forEach((item, index) => (rows[page * PAGE + index] = item))
      this.#fresh.add(page)
      this.rows = rows
      this.total = metadata.total
      this.loaded = true
      this.problem = null
    } catch (error) {
      if (!signal.aborted) this.problem = asProblem(error)
    } finally {
      if (!signal.aborted) this.#under.delete(page)
    }
    if (!signal.aborted && this.problem === null) this.want(this.#first, this.#last)
  }
}
