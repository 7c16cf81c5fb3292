/** The folders of tags, asked for one level at a time as they are opened. */

import { SvelteMap, SvelteSet } from 'svelte/reactivity'
import { asProblem, type Problem } from './api'
import { tagApi } from './tagapi'
import type { BrowseRow } from './tagcontract'

/** What the gateway gives at once; a folder with more shows the rest on request. */
const PAGE = 1000

export interface Branch {
  folders: BrowseRow[]
  /** rows of any kind that were looked through */
  seen: number
  complete: boolean
}

export interface Line {
  row: BrowseRow
  depth: number
  open: boolean
}

export class FolderTree {
  opened = new SvelteSet<string>([''])
  problem = $state.raw<Problem | null>(null)

  #branches = new SvelteMap<string, Branch>()
  #under = new Set<string>()

  /** What is in sight: every folder whose parents are open, from the top. */
  get lines(): Line[] {
    const lines: Line[] = []
    const walk = (path: string, depth: number) => {
      for (const row of this.#branches.get(path)?.folders ?? []) {
        const open = this.opened.has(row.path)
        lines.push({ row, depth, open })
        if (open) walk(row.path, depth + 1)
      }
    }
    walk('', 0)
    return lines
  }

  get loaded(): boolean {
    return this.#branches.has('')
  }

  /** Folders that have more below them than was asked for. */
  get unfinished(): string[] {
    return [...this.#branches].filter(([path, branch]) => !branch.complete && this.opened.has(path)).map(([path]) => path)
  }

  open(path: string): void {
    this.opened.add(path)
    if (!this.#branches.has(path)) void this.#load(path, 0)
  }

  close(path: string): void {
    this.opened.delete(path)
  }

  more(path: string): void {
    void this.#load(path, this.#branches.get(path)?.seen ?? 0)
  }

  /** Everything may have changed. */
  reload(): void {
    for (const path of this.#branches.keys()) if (!this.opened.has(path)) this.#branches.delete(path)
    for (const path of this.opened) void this.#load(path, 0)
  }

  async #load(path: string, offset: number): Promise<void> {
    if (this.#under.has(path)) return
    this.#under.add(path)
    try {
      const { items, metadata } = await tagApi.browse(path, offset, PAGE)
      const before = offset === 0 ? [] : (this.#branches.get(path)?.folders ?? [])
      const seen = offset + items.length
      this.#branches.set(path, { folders: [...before, ...items.filter((row) => row.kind !== 'tag')], seen, complete: items.length === 0 || seen >= metadata.matching })
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
      if (this.problem.status === 404) this.opened.delete(path)
    } finally {
      this.#under.delete(path)
    }
  }
}
