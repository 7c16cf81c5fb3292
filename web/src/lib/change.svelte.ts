/**
 * A change of the configuration: looked at first (a dry run: what would be, or what is wrong key by key), then applied.
 * What was looked at is what is applied: the gateway refuses (412) when something else has changed meanwhile.
 */

import { asProblem, type Problem } from './api'
import type { Edited, EntryError } from './tagcontract'

/** Some problems tell what is wrong key by key. */
export function errorsOf(problem: Problem): EntryError[] {
  const errors = problem.body['errors']
  return Array.isArray(errors) ? (errors as EntryError[]) : []
}

export class Change {
  busy = $state(false)
  problem = $state.raw<Problem | null>(null)
  errors = $state.raw<EntryError[]>([])
  /** what the dry run told */
  checked = $state.raw<Edited | null>(null)

  constructor(private readonly run: (dryRun: boolean, revision?: number) => Promise<Edited>) {}

  check(): Promise<Edited | null> {
    return this.#try(async () => (this.checked = await this.run(true)))
  }

  /** What became of it, null if it was refused. */
  async apply(): Promise<Edited | null> {
    const answer = await this.#try(() => this.run(false, this.checked?.revision))
    if (answer === null && this.problem?.status === 412) {
      const stale = this.problem
      if (await this.check()) this.problem = stale
    }
    return answer
  }

  /** Back to the fields: what was told counts no more. */
  edit(): void {
    this.checked = null
    this.problem = null
    this.errors = []
  }

  async #try(act: () => Promise<Edited>): Promise<Edited | null> {
    this.busy = true
    this.problem = null
    this.errors = []
    try {
      return await act()
    } catch (error) {
      this.problem = asProblem(error)
      this.errors = errorsOf(this.problem)
      if (this.errors.length > 0) this.checked = null
      return null
    } finally {
      this.busy = false
    }
  }
}
