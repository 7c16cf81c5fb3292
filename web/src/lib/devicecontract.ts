/** The part of the contract below /api/v1/devices. Every time is in epoch milliseconds. */

import type { Health, Metadata } from './contract'

export interface DeviceRow {
  name: string
  driver: string
  host: string
  port: number
  unit_id: number | null
  enabled: boolean
  health: Health
  state: string
  reason: string
  next_step: string
  since: number
  tags: number
  tags_bad: number
  overload_percent: number | null
  requests_per_second: number | null
  response_ms: number | null
}

/** What is read at one rate; 0 is on demand only. */
export interface DeviceRate {
  rate_ms: number
  tags: number
  requests: number
  ideal_interval_ms: number | null
  actual_interval_ms: number | null
  overload_percent: number | null
  queue_ms: number | null
  response_ms: number | null
}

/** A tag of the device that is not good. */
export interface BadRegister {
  address: string
  path: string
  quality: number
  reason: string
  /** null while the device is away */
  next_try_at: number | null
}

export interface DeviceUnit {
  unit: number
  state: string
  tags: number
  bad: number
}

export interface DeviceDetail extends DeviceRow {
  options: Record<string, string | number | boolean | null>
  rates: DeviceRate[]
  /** some of them; `bad_count` are there */
  bad: BadRegister[]
  bad_count: number
  units: DeviceUnit[]
}

/** One request of the plan: `start` counts from 0, `first` and `last` are addresses as a tag has them. */
export interface PlannedRequest {
  rate_ms: number
  unit: number
  function: number
  start: number
  count: number
  tags: number
  /** read although no tag wants them */
  gap_registers: number
  first: string
  last: string
  /** why the next tag is not in it */
  why: string
}

export interface Plan {
  requests: PlannedRequest[]
  metadata: Metadata
}
