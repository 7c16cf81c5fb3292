/** The part of the contract below /api/v1/alarms. Every time is in epoch milliseconds. */

import type { Listing, Value } from './contract'

export type Priority = 'diagnostic' | 'low' | 'medium' | 'high' | 'critical'
export type AlarmState = 'active_unacked' | 'active_acked' | 'clear_unacked' | 'clear_acked'
export type AckMode = 'manual' | 'auto' | 'unused'
export type AlarmMode =
  | 'equal' | 'not_equal' | 'above' | 'below' | 'between' | 'outside' | 'out_of_range' | 'bad_quality' | 'any_change' | 'bit'
  | 'on_condition' | 'when_true' | 'when_false'

/** An alarm, and the event that stands for what it does now. */
export interface AlarmRow {
  /** of the event; null while there is none */
  id: number | null
  /** the tag's */
  path: string
  /** unique within the tag */
  name: string
  label: string
  priority: Priority
  mode: AlarmMode
  state: AlarmState
  value: Value
  unit: string
  /** the definition in words: "above 80" */
  limit: string
  active_at: number | null
  cleared_at: number | null
  acked_at: number | null
  acked_by: string
  ack_note: string
  ack: AckMode
  ack_note_required: boolean
  shelvable: boolean
  shelved_until: number | null
  shelved_by: string
  notes: string
  enabled: boolean
}

export interface AlarmCounts {
  active: number
  unacknowledged: number
  shelved: number
  highest: Priority | null
  by_priority: Record<Priority, number>
}

export interface AlarmSummary {
  revision: number
  counts: AlarmCounts
}

export type AlarmListing = Listing<AlarmRow> & AlarmSummary

/** Which alarms are asked for; `path` is a folder, a tag or a pattern. */
export interface AlarmQuery {
  state: 'live' | 'active' | 'unacknowledged' | 'shelved' | 'all'
  search?: string
  priority?: string
  path?: string
  sort?: string
}

export interface AlarmKey {
  path: string
  name: string
}

/** What became of one of several. */
export interface Done {
  outcome: 'done' | 'refused' | 'failed'
  code: string
  message: string
}

export type AlarmChange = 'active' | 'clear' | 'ack' | 'shelved' | 'unshelved' | 'enabled' | 'disabled'

export interface AlarmRecord {
  id: number
  event: number
  path: string
  name: string
  label: string
  priority: Priority
  change: AlarmChange
  at: number
  value: Value
  /** empty if it was the plant */
  actor: string
  note: string
}

export interface JournalQuery {
  from?: number | undefined
  to?: number | undefined
  path?: string
  priority?: string
  change?: string
  search?: string
}
