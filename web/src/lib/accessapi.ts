/** The REST calls of access control. A change that names the revision it has seen is refused (412) if data has changed since. */

import { ask, query, type Problem } from './api'
import type {
  BadRow, Calendar, Card, Change, Changed, Explanation, Group, Holder, HolderRow, Imported, Passage, Presence, Rows, Rule,
  Schedule, WhatIf, Zone,
} from './accesscontract'
import type { Listing } from './contract'

const BASE = '/api/v1/access'
/** All of a kind at once: the gateway keeps no more of these than ACCESS_NAMES. */
const ALL = 2_000
const IMPORT_MS = 180_000

export interface Kinds {
  holders: Holder
  cards: Card
  groups: Group
  zones: Zone
  passages: Passage
  calendars: Calendar
  schedules: Schedule
}
export type Kind = keyof Kinds

/** Which field names an item of a kind. */
export const KEYS: Record<Kind, string> = {
  holders: 'id', cards: 'id', groups: 'name', zones: 'name', passages: 'reader', calendars: 'name', schedules: 'name',
}

interface HolderQuery {
  search: string
  group: string
  offset: number
  limit: number
}

const path = (kind: string, key: string) => `${BASE}/${kind}/${encodeURIComponent(key)}`

async function one<T>(kind: string, key: string): Promise<{ item: T | null; revision: number }> {
  const rows = await ask<Rows<T>>('GET', `${BASE}/${kind}?${query({ key, limit: 1 })}`)
  return { item: rows.items[0] ?? null, revision: rows.revision }
}

export const accessApi = {
  all: <T>(kind: string, signal?: AbortSignal) => ask<Rows<T>>('GET', `${BASE}/${kind}?${query({ limit: ALL })}`, undefined, { signal }),
  one: <K extends Kind>(kind: K, key: string) => one<Kinds[K]>(kind, key),
  put: <K extends Kind>(kind: K, key: string, item: Partial<Kinds[K]>, revision?: number) =>
    ask<Changed>('PUT', path(kind, key), item, { revision }),
  remove: (kind: Kind, key: string, revision?: number) => ask<Changed>('DELETE', path(kind, key), undefined, { revision }),

  holders: (wanted: HolderQuery, signal?: AbortSignal) =>
    ask<Rows<HolderRow>>(
      'GET',
      `${BASE}/holders?${query({ search: wanted.search || undefined, group: wanted.group || undefined, offset: wanted.offset, limit: wanted.limit })}`,
      undefined,
      { signal },
    ),
  holder: (id: string) => one<HolderRow>('holders', id),
  cardsOf: (holder: string) => ask<Rows<Card>>('GET', `${BASE}/cards?${query({ holder, limit: ALL })}`),
  addCard: (credential: string, holder: string, label: string) => ask<Changed>('POST', `${BASE}/cards`, { credential, holder, label }),
  enrol: (event: number, holder: string, label: string) => ask<{ revision: number; card: Card }>('POST', `${BASE}/enrol`, { event, holder, label }),

  putRules: (items: Rule[], revision: number) => ask<Changed>('PUT', `${BASE}/rules`, { items }, { revision }),
  whatIf: (rules: Rule[], days: number) => ask<WhatIf>('POST', `${BASE}/what-if`, { rules, days }, { deadlineMs: IMPORT_MS }),
  explain: (wanted: { reader: string; card?: string; holder?: string; at?: number }) =>
    ask<Explanation>('GET', `${BASE}/explain?${query(wanted)}`),

  presence: () => ask<Presence>('GET', `${BASE}/presence`),
  forgive: (holder: string) => ask<Changed>('POST', `${BASE}/presence/forgive`, { holder }),
  lockDown: (zone: string, reason: string) => ask<Changed>('POST', `${BASE}/lockdown`, { zone, reason }),
  release: (zone: string) => ask<Changed>('POST', `${BASE}/release`, { zone }),

  changes: (limit: number, before?: number) => ask<Listing<Change>>('GET', `${BASE}/changes?${query({ limit, before })}`),

  /** What a CSV file changes, or would change. Wrong rows come as a problem; see `badRows`. */
  importCsv: (file: Blob, create: boolean, dryRun: boolean, revision?: number) =>
    ask<Imported>('POST', `${BASE}/import?${query({ create: String(create), dry_run: String(dryRun) })}`, file, { revision, deadlineMs: IMPORT_MS }),
  exportUrl: `${BASE}/export.csv`,
  journalUrl: (format: 'csv' | 'jsonl') => `/api/v1/badge-events/export?format=${format}`,

  putPicture: (holder: string, picture: Blob) => ask<void>('PUT', `${path('holders', holder)}/picture`, picture),
  removePicture: (holder: string) => ask<void>('DELETE', `${path('holders', holder)}/picture`),
  pictureUrl: (holder: string, version: number) => `${path('holders', holder)}/picture?${query({ optional: 'true', v: version })}`,
}

/** The rows that an import found wrong; `count` also of those that are not listed. */
export function badRows(problem: Problem): { rows: BadRow[]; count: number } | null {
  const { errors, count } = problem.body
  return Array.isArray(errors) ? { rows: errors as BadRow[], count: typeof count === 'number' ? count : errors.length } : null
}
