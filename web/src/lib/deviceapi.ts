/** The REST calls of devices. */

import { ask, filled } from './api'
import type { DeviceDetail, Plan } from './devicecontract'

const BASE = '/api/v1/devices'
/** Of a plan, so many requests are drawn. */
export const PLAN_ROWS = 1000

export const deviceApi = {
  one: (name: string, signal?: AbortSignal) => ask<DeviceDetail>('GET', `${BASE}/${encodeURIComponent(name)}`, undefined, { signal }),
  plan: (name: string, signal?: AbortSignal) => ask<Plan>('GET', `${BASE}/${encodeURIComponent(name)}/plan?${filled({ limit: PLAN_ROWS })}`, undefined, { signal }),
}
