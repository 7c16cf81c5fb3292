/** The tag groups, kept fresh while a page shows them. */

import { asProblem, type Problem } from './api'
import { link } from './link.svelte'
import { tagApi } from './tagapi'
import type { TagGroupRow } from './tagcontract'

const EVERY_MS = 5_000

class Groups {
  items = $state.raw<TagGroupRow[] | null>(null)
  problem = $state.raw<Problem | null>(null)

  get names(): string[] {
    return (this.items ?? []).map((group) => group.name)
  }

  async load(): Promise<void> {
    try {
      this.items = (await tagApi.groups()).items
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
    }
  }

  /** For an effect: keeps them fresh until the returned function is called. */
  use(): () => void {
    void this.load()
    const end = link.on('configuration', () => void this.load())
    const every = window.setInterval(() => {
      if (!document.hidden && !link.lost) void this.load()
    }, EVERY_MS)
    return () => {
      end()
      window.clearInterval(every)
    }
  }
}

export const groups = new Groups()
