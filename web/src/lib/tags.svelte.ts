/**
 * The live tag tree as the page holds it: plain objects changed in place, and one counter that grows at most once a
 * frame. A row that reads `tags.version` is looked at again; a thousand changes make one update, not a thousand.
 */

import { api, asProblem, type Problem } from './api'
import type { TagChange, TagRecord, Value } from './contract'
import { link } from './link.svelte'

const RELOAD_AFTER_UNKNOWN_MS = 1_000

export class Tag {
  value: Value
  quality: number
  t: number
  reason: string
  /** what the search looks into, lower case */
  readonly haystack: string

  constructor(readonly record: TagRecord) {
    this.value = record.value
    this.quality = record.quality
    this.t = record.t
    this.reason = record.reason
    this.haystack = `${record.path} ${record.description} ${record.device} ${record.address}`.toLowerCase()
  }

  get path(): string {
    return this.record.path
  }
}

type Watcher = (t: number, value: Value, quality: number) => void

class Tags {
  /** All tags, in the order of their paths. */
  all = $state.raw<Tag[]>([])
  version = $state(0)
  loaded = $state(false)
  problem = $state.raw<Problem | null>(null)

  #byPath = new Map<string, Tag>()
  #watchers = new Map<string, Set<Watcher>>()
  #frame = 0
  /** while the list is under way: what the stream told meanwhile, which is newer than the list */
  #meanwhile: Map<string, TagChange> | null = null
  #needed = false
  #reloadTimer = 0

  start(): void {
    link.on('tags', (message) => this.apply(message.changes))
    link.on('configuration', () => {
      if (this.#needed && this.loaded) this.#reloadSoon()
    })
    link.onConnected(() => {
      if (this.#needed) void this.load()
    })
  }

  /** The definitions are loaded once something needs them, and again after each reconnection. */
  need(): void {
    if (this.#needed) return
    this.#needed = true
    void this.load()
  }

  /** Reads something that live values change; whoever calls this in a derivation is asked again after each update. */
  live<T>(read: () => T): T {
    void this.version
    return read()
  }

  /** The same for what only changes with the list of tags. */
  listed<T>(read: () => T): T {
    void this.all
    return read()
  }

  find(path: string): Tag | undefined {
    return this.#byPath.get(path)
  }

  async load(): Promise<void> {
    if (this.#meanwhile) return
    this.#meanwhile = new Map()
    try {
      this.#adopt(await api.allTags())
      this.loaded = true
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
    } finally {
      this.#meanwhile = null
    }
  }

  apply(changes: TagChange[]): void {
    let unknown = false
    for (const change of changes) {
      const [path, value, quality, t, reason] = change
      this.#meanwhile?.set(path, change)
      const tag = this.#byPath.get(path)
      if (tag === undefined) {
        unknown = true
        continue
      }
      tag.value = value
      tag.quality = quality
      tag.t = t
      tag.reason = reason
      const watchers = this.#watchers.get(path)
      if (watchers) for (const watcher of watchers) watcher(t, value, quality)
    }
    if (unknown && this.loaded && !this.#meanwhile) this.#reloadSoon()
    this.#announce()
  }

  /** Every update of one tag that arrives, for trends. */
  watch(path: string, watcher: Watcher): () => void {
    const watchers = this.#watchers.get(path) ?? new Set()
    this.#watchers.set(path, watchers)
    watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0) this.#watchers.delete(path)
    }
  }

  #adopt(records: TagRecord[]): void {
    const next = new Map<string, Tag>()
    for (const record of records) {
      const newer = this.#meanwhile?.get(record.path)
      next.set(record.path, new Tag(newer ? { ...record, value: newer[1], quality: newer[2], t: newer[3], reason: newer[4] } : record))
    }
    this.#byPath = next
    this.all = [...next.values()]
    this.#announce()
  }

  /** The configuration changed: we were told, or a path came that nobody told us of. */
  #reloadSoon(): void {
    window.clearTimeout(this.#reloadTimer)
    this.#reloadTimer = window.setTimeout(() => void this.load(), RELOAD_AFTER_UNKNOWN_MS)
  }

  #announce(): void {
    if (this.#frame) return
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0
      this.version += 1
    })
  }
}

export const tags = new Tags()
