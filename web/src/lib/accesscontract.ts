/** The part of the contract below /api/v1/access: who may pass where and when. Every time is in epoch milliseconds. */

import type { Listing } from './contract'

/** In place of a name: every zone, every group. */
export const EVERYWHERE = '*'

export interface Holder {
  id: string
  name: string
  groups: string[]
  enabled: boolean
  valid_from: number | null
  valid_until: number | null
  note: string
}

export interface CardOfHolder {
  id: string
  last4: string
  label: string
  enabled: boolean
}

export interface HolderRow extends Holder {
  cards: CardOfHolder[]
  /** where they are now, empty if in no zone */
  zone: string
  since: number | null
  picture: boolean
}

export interface Card extends CardOfHolder {
  holder: string
  holder_name: string
  valid_from: number | null
  valid_until: number | null
}

export interface Group {
  name: string
  note: string
  /** its members pass while a zone is locked down */
  in_lockdown: boolean
}

export type AntiPassback = 'off' | 'soft' | 'hard'

export interface Zone {
  name: string
  anti_passback: AntiPassback
  /** seconds after which somebody who never left is forgotten */
  reset_after: number
  limit: number | null
  note: string
}

export interface Passage {
  reader: string
  enters: string
  leaves: string
}

export interface Holiday {
  /** 2026-12-24 */
  date: string
  name: string
  yearly: boolean
}

export interface Calendar {
  name: string
  holidays: Holiday[]
}

/** `days` are 0 Monday to 6 Sunday; `end` not after `start` is past midnight. */
export interface Hours {
  days: number[]
  start: string
  end: string
}

export interface Schedule {
  name: string
  time_zone: string
  week: Hours[]
  calendar: string
  on_holidays: Hours[]
  note: string
}

export interface Lockdown {
  zone: string
  since: number
  by: string
  reason: string
}

export interface Rule {
  name: string
  effect: 'allow' | 'deny'
  groups: string[]
  holders: string[]
  readers: string[]
  zones: string[]
  schedule: string
  enabled: boolean
  note: string
}

/** A listing, and the revision of all access data that it is from. */
export interface Rows<T> extends Listing<T> {
  revision: number
}

export interface Changed {
  revision: number
}

export interface PresenceRow {
  holder_id: string
  holder: string
  zone: string
  since: number
  reader: string
}

export interface ZoneNow {
  zone: string
  inside: number
  limit: number | null
  locked: boolean
  anti_passback: AntiPassback
}

export interface Presence {
  items: PresenceRow[]
  zones: ZoneNow[]
}

export interface Ruling {
  verdict: string
  why: string
  reason: string
  rule: string
}

export interface Step {
  check: string
  /** null: did not apply */
  passed: boolean | null
  text: string
}

export interface Explanation extends Ruling {
  reader: string
  at: number
  card: string
  last4: string
  holder_id: string
  holder: string
  enters: string
  leaves: string
  remark: string
  steps: Step[]
}

export interface WhatIfChange {
  event: number
  at: number
  reader: string
  last4: string
  holder: string
  before: Ruling
  after: Ruling
}

export interface WhatIf {
  events: number
  count: number
  changed: WhatIfChange[]
}

export interface Change {
  id: number
  revision: number
  at: number
  who: string
  kind: string
  key: string
  what: 'added' | 'changed' | 'removed'
  before: Record<string, unknown> | string[] | null
  after: Record<string, unknown> | string[] | null
}

export interface Imported {
  new_cards: number
  changed_cards: number
  unchanged: number
  new_holders: number
  changed_holders: number
  new_groups: number
  revision: number
}

export interface BadRow {
  line: number
  column: string
  message: string
}
