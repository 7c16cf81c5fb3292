/** The HTTP and WebSocket contract of the gateway (/openapi.json), as types. Every time is in epoch milliseconds. */

import type { AlarmRow, AlarmSummary } from './alarmcontract'

export type Scalar = boolean | number | string | null
/** What a tag holds: an array tag a list, a DataSet or Document the text of its JSON. */
export type Value = Scalar | Scalar[]

export type GatewayState = 'STARTING' | 'RUNNING' | 'STOPPING'

export interface Metadata {
  total: number
  matching: number
  limit: number
  offset: number
}

export interface Listing<T> {
  items: T[]
  metadata: Metadata
}

export interface Session {
  signed_in: boolean
  actor: string | null
}

export interface Gateway {
  name: string
  version: string
  state: GatewayState
  role: string
  started_at: number
  now: number
  uptime_s: number
  problems: number
  data_dir: string
}

export type Health = 'ok' | 'starting' | 'failed' | 'disabled'
/** listener, device, reader, door, store: one that is not known here is shown all the same */
export type PartKind = string

export interface Part {
  kind: PartKind
  name: string
  health: Health
  state: string
  since: number
  reason: string
  next_step: string
  details: Record<string, string | number | boolean | null>
}

export interface TagRecord {
  path: string
  kind: string
  data_type: string
  unit: string
  description: string
  device: string
  address: string
  history: boolean
  writable: boolean
  low: number | null
  high: number | null
  value: Value
  quality: number
  quality_name: string
  t: number
  reason: string
}

export type Outcome = 'done' | 'refused' | 'failed'

export interface Verdict {
  outcome: Outcome
  code: string
  message: string
}

/** time, value, quality */
export type HistoryPoint = [number, Scalar, number]

export interface History {
  path: string
  unit: string
  points: HistoryPoint[]
}

export interface Reader {
  name: string
  host: string
  port: number
  transport: string
  state: string
  health: Health
  last_card: string
  last_holder: string
  last_verdict: string
  last_at: number | null
  badges: number
  /** badges that were turned away because too many came at once */
  shed: number
  accepted: number
  denied: number
  reconnects: number
  errors: number
  last_error: string
}

export type ReaderAction = 'accept' | 'deny' | 'wink'
/** one thing at a time: a signal by name, a sequence of the reader (two hex digits), or its LEDs and buzzer */
export type ReaderCommand = { action: ReaderAction } | { seq: string } | { leds?: string; buzz?: number }

export interface BadgeEvent {
  id: number
  reader: string
  /** the card as people see it: …4080 */
  uid: string
  /** the card's keyed hash */
  card: string
  last4: string
  /** empty when nobody is known for the card */
  holder: string
  holder_id: string
  t: number
  verdict: 'accepted' | 'denied'
  /** the stable word for `reason` */
  why: string
  reason: string
  rule: string
  /** the zones beyond and before the reader */
  enters: string
  leaves: string
  /** what was noticed and did not decide */
  remark: string
  door: string
  latency_ms: number | null
  reply_error: string
}

export type PortState = 'LISTENING' | 'CONNECTED' | 'CLOSED' | 'DISABLED' | 'TAKEN' | 'UNKNOWN'

export interface PortOwner {
  pid: number | null
  name: string | null
  user: string | null
  command: string | null
}

export interface Port {
  name: string
  /** which device, reader or database, where one name stands for several; empty otherwise */
  instance: string
  port: number
  host: string
  transport: string
  direction: 'listen' | 'connect'
  protocol: string
  purpose: string
  /** when it is required, in words */
  required: string
  key: string
  /** where the value comes from: a file and line, the environment, the default */
  source: string
  state: PortState
  owner: PortOwner | null
  reason: string
  next_step: string
  /** established TCP connections on it */
  connections: number
  /** what to type to repair what `reason` says; empty if no one command does */
  command: string
}

/** path, value, quality, time, reason */
export type TagChange = [string, Value, number, number, string]

export type ServerMessage =
  | { type: 'hello'; gateway: string; now: number; version: string }
  | { type: 'tags'; now: number; changes: TagChange[]; snapshot?: boolean }
  | { type: 'badge'; event: BadgeEvent }
  | { type: 'access'; revision: number; presence: number }
  | { type: 'status'; state: GatewayState; items: Part[] }
  | ({ type: 'alarms'; snapshot?: boolean; events: AlarmRow[] } & AlarmSummary)
  | { type: 'configuration'; revision: number }
  | { type: 'ping'; now: number }

/** Replaces what was subscribed before; the gateway answers with a snapshot of the tags named. */
export interface Subscription {
  tags: 'all' | string[]
  badges: boolean
  status: boolean
  access: boolean
  alarms: boolean
  configuration: boolean
}
