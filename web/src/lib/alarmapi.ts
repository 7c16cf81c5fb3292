/** The REST calls of alarms. */

import type { AlarmKey, AlarmListing, AlarmQuery, AlarmRecord, Done, JournalQuery } from './alarmcontract'
import { ask, filled } from './api'
import type { Listing } from './contract'

const BASE = '/api/v1/alarms'
/** The gateway takes so many at once. */
const AT_ONCE = 500

/** Piece by piece, in their order; what fails as a whole ends it. */
async function inPieces<T, R>(all: T[], send: (piece: T[]) => Promise<{ items: R[] }>): Promise<R[]> {
  const answers: R[] = []
  for (let start = 0; start < all.length; start += AT_ONCE) answers.push(...(await send(all.slice(start, start + AT_ONCE))).items)
  return answers
}

const journalQuery = (wanted: JournalQuery, more: Record<string, string | number | undefined>) => filled({ ...wanted, ...more })

export const alarmApi = {
  list: (wanted: AlarmQuery, offset: number, limit: number, signal?: AbortSignal) =>
    ask<AlarmListing>('GET', `${BASE}?${filled({ ...wanted, offset, limit })}`, undefined, { signal }),

  acknowledge: (events: number[], note: string) =>
    inPieces(events, (piece) => ask<{ items: (Done & { id: number })[] }>('POST', `${BASE}/acknowledge`, { events: piece, note })),
  shelve: (alarms: AlarmKey[], seconds: number, reason: string) =>
    inPieces(alarms, (piece) => ask<{ items: (Done & AlarmKey)[] }>('POST', `${BASE}/shelve`, { alarms: piece, seconds, reason })),
  unshelve: (alarms: AlarmKey[]) =>
    inPieces(alarms, (piece) => ask<{ items: (Done & AlarmKey)[] }>('POST', `${BASE}/unshelve`, { alarms: piece })),

  journal: (wanted: JournalQuery, limit: number, before?: number) =>
    ask<Listing<AlarmRecord>>('GET', `${BASE}/journal?${journalQuery(wanted, { limit, before })}`),
  journalCsvUrl: (wanted: JournalQuery) => `${BASE}/journal?${journalQuery(wanted, { format: 'csv' })}`,
}
