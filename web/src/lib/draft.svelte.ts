/**
 * Something that is being edited while others may edit it, too. A save names the revision it started from; when the
 * gateway says that data has changed since, the draft looks whether this very item has: if not it saves again, if so it
 * shows what is new (`theirs`) and keeps what was typed.
 */

import { asProblem, Problem } from './api'

export interface Shelf<T> {
  /** the item as it is now, null if it is not there, with the revision */
  look(value: T): Promise<{ item: T | null; revision: number }>
  put(value: T, revision: number): Promise<unknown>
  /** how to call it: "the zone Hall" */
  title(value: T): string
}

const TRIES = 4

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

export class Draft<T extends object> {
  value: T = $state() as T
  busy = $state(false)
  problem = $state.raw<Problem | null>(null)
  /** what somebody else has saved meanwhile: null if it was removed, undefined if nobody has */
  theirs = $state.raw<T | null | undefined>(undefined)

  #base: T | null = $state.raw(null)

  /** `base` is the item as it was found, null for a new one. */
  constructor(
    private readonly shelf: Shelf<T>,
    base: T | null,
    fresh: T,
  ) {
    this.#base = base
    this.value = structuredClone(base ?? fresh)
  }

  get isNew(): boolean {
    return this.#base === null
  }

  get changed(): boolean {
    return !same($state.snapshot(this.value), this.#base)
  }

  /** True once it is saved. */
  async save(): Promise<boolean> {
    this.busy = true
    this.problem = null
    try {
      const value = $state.snapshot(this.value) as T
      for (let tries = 0; tries < TRIES; tries += 1) {
        const now = await this.shelf.look(value)
        if (!this.#agrees(now.item, value)) return false
        try {
          await this.shelf.put(value, now.revision)
          this.#base = value
          this.theirs = undefined
          return true
        } catch (error) {
          if (asProblem(error).status !== 412) throw error
        }
      }
      throw new Problem(412, 'Others are changing access data right now', 'Every attempt to save met a newer version.', '', 'Try again in a moment.')
    } catch (error) {
      this.problem = asProblem(error)
      return false
    } finally {
      this.busy = false
    }
  }

  /** What was typed gives way to what somebody else saved. */
  takeTheirs(): void {
    if (this.theirs) this.value = structuredClone(this.theirs)
    this.theirs = undefined
  }

  /** Is `now` what the draft started from? If not it is shown first; saving again then puts the draft over it. */
  #agrees(now: T | null, value: T): boolean {
    if (same(now, this.#base)) return true
    if (this.#base === null && now !== null) {
      this.problem = new Problem(409, 'The name is taken', `There is ${this.shelf.title(value)} already.`, '', 'Choose another name, or close this and edit that one.')
      return false
    }
    this.theirs = now
    this.#base = now
    return false
  }
}
