/**
 * What the page knows of access data: the small lists whole (names, rules, lockdowns, who is inside), loaded while a page
 * shows them and again whenever the stream tells that something has changed. Holders come page by page (`paged.svelte.ts`).
 */

import { untrack } from 'svelte'
import { accessApi } from './accessapi'
import type { Calendar, Group, Lockdown, Passage, Presence, Rows, Rule, Schedule, Zone } from './accesscontract'
import { asProblem, type Problem } from './api'
import { link } from './link.svelte'
import { session } from './session.svelte'

/** Something that is fetched as a whole, kept fresh while somebody uses it. */
export class Kept<T> {
  value = $state.raw<T | null>(null)
  problem = $state.raw<Problem | null>(null)

  #users = 0
  #loading = false
  #again = false

  constructor(private readonly fetch: () => Promise<T>) {}

  /** For an effect: keeps it fresh until the returned function is called. Nothing is asked for without a session. */
  use(): () => void {
    if (!session.signedIn) return () => {}
    this.#users += 1
    if (this.#users === 1) untrack(() => void this.load())
    return () => {
      this.#users -= 1
    }
  }

  refresh(): void {
    if (this.#users > 0) void this.load()
  }

  /** One at a time: an old answer must not come after a new one. */
  async load(): Promise<void> {
    if (this.#loading) {
      this.#again = true
      return
    }
    this.#loading = true
    try {
      this.value = await this.fetch()
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
      if (this.problem.status === 403) void session.refresh()
    } finally {
      this.#loading = false
    }
    if (this.#again) {
      this.#again = false
      await this.load()
    }
  }
}

/** A list of things that have names. */
export class Named<T> extends Kept<Rows<T>> {
  constructor(
    readonly kind: string,
    readonly keyOf: (item: T) => string,
    order: (a: T, b: T) => number = (a, b) => keyOf(a).localeCompare(keyOf(b)),
  ) {
    super(async () => {
      const rows = await accessApi.all<T>(kind)
      rows.items.sort(order)
      return rows
    })
  }

  get items(): T[] {
    return this.value?.items ?? []
  }

  get names(): string[] {
    return this.items.map(this.keyOf)
  }

  get loaded(): boolean {
    return this.value !== null
  }
}

class Access {
  /** grow with every change that the gateway tells of */
  revision = $state(0)
  presenceRevision = $state(0)
  /** grows when a picture was put or removed, which changes no data */
  pictures = $state(0)

  groups = new Named<Group>('groups', (group) => group.name)
  zones = new Named<Zone>('zones', (zone) => zone.name)
  passages = new Named<Passage>('passages', (passage) => passage.reader)
  calendars = new Named<Calendar>('calendars', (calendar) => calendar.name)
  schedules = new Named<Schedule>('schedules', (schedule) => schedule.name)
  lockdowns = new Named<Lockdown>('lockdowns', (lockdown) => lockdown.zone)
  rules = new Named<Rule>('rules', (rule) => rule.name, () => 0)
  presence = new Kept<Presence>(accessApi.presence)

  #changed = new Set<() => void>()

  start(): void {
    link.on('access', ({ revision, presence }) => {
      const [data, places] = [revision !== this.revision, presence !== this.presenceRevision]
      this.revision = revision
      this.presenceRevision = presence
      if (data || places) this.#refresh(data)
    })
    link.onConnected(() => this.#refresh(true))
  }

  /** Called when data or presence have changed, for what is kept elsewhere. */
  onChange(handler: () => void): () => void {
    this.#changed.add(handler)
    return () => void this.#changed.delete(handler)
  }

  #refresh(data: boolean): void {
    if (data) {
      for (const kept of [this.groups, this.zones, this.passages, this.calendars, this.schedules, this.lockdowns, this.rules]) kept.refresh()
    }
    this.presence.refresh()
    for (const handler of this.#changed) handler()
  }
}

export const access = new Access()

/** For an effect: keeps all of these fresh. */
export function keep(...kept: { use(): () => void }[]): () => void {
  const ends = kept.map((one) => one.use())
  return () => ends.forEach((end) => end())
}
