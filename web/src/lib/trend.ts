/** From points to the columns a chart draws. Values hold until the next point; bad quality is a gap. Pure. */

import type { HistoryPoint, Value } from './contract'
import { isGood } from './quality'

export interface Series {
  times: number[]
  values: (number | null)[]
}

export const emptySeries = (): Series => ({ times: [], values: [] })

/** What can be drawn of a value: numbers, and booleans as 0 and 1. */
export function drawable(value: Value, quality: number): number | null {
  if (!isGood(quality)) return null
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

export function seriesOf(points: HistoryPoint[]): Series {
  const series = emptySeries()
  for (const [t, value, quality] of points) append(series, t, drawable(value, quality))
  return series
}

/** Adds a point at the end. One that is not newer than the last is a repeat of what history already told. */
export function append(series: Series, t: number, value: number | null): boolean {
  const last = series.times.at(-1)
  if (last !== undefined && t <= last) return false
  series.times.push(t)
  series.values.push(value)
  return true
}

/** Drops what lies before `from`, except the one point whose value still holds there. */
export function prune(series: Series, from: number): void {
  let keep = 0
  while (keep + 1 < series.times.length && (series.times[keep + 1] as number) <= from) keep += 1
  if (keep > 0) {
    series.times.splice(0, keep)
    series.values.splice(0, keep)
  }
}

/** Columns of equal length: times in seconds, then one column a series, each value held until its next point. */
export type Columns = [xs: number[], ...ys: (number | null)[][]]

/** Joins series on one time axis, cut to `from`..`to`; held values are drawn up to `holdUntil`. Linear in all points. */
export function columns(series: Series[], from: number, to: number, holdUntil: number): Columns {
  const cursors = series.map(() => 0)
  const held: (number | null)[] = series.map(() => null)
  const xs: number[] = []
  const ys: (number | null)[][] = series.map(() => [])
  const end = Math.min(to, holdUntil)

  const emit = (t: number) => {
    xs.push(t / 1000)
    held.forEach((value, index) => ys[index]?.push(value))
  }
  const advance = (t: number) => {
    series.forEach((one, index) => {
      let cursor = cursors[index] as number
      while (cursor < one.times.length && (one.times[cursor] as number) <= t) {
        held[index] = one.values[cursor] as number | null
        cursor += 1
      }
      cursors[index] = cursor
    })
  }

  advance(from)
  if (held.some((value) => value !== null)) emit(from)
  for (;;) {
    let next = Infinity
    series.forEach((one, index) => {
      const t = one.times[cursors[index] as number]
      if (t !== undefined && t < next) next = t
    })
    if (next > to) break
    advance(next)
    emit(next)
  }
  const lastX = xs.at(-1)
  if (lastX !== undefined && lastX * 1000 < end) emit(end)
  return [xs, ...ys]
}

export interface Extent {
  low: number
  high: number
  last: number | null
}

export function extent(values: (number | null)[]): Extent | null {
  let low = Infinity
  let high = -Infinity
  let last: number | null = null
  for (const value of values) {
    if (value === null) continue
    if (value < low) low = value
    if (value > high) high = value
    last = value
  }
  return low > high ? null : { low, high, last }
}

export const RANGES: [key: string, label: string, ms: number][] = [
  ['5m', '5 min', 300_000],
  ['15m', '15 min', 900_000],
  ['1h', '1 h', 3_600_000],
  ['8h', '8 h', 28_800_000],
  ['24h', '24 h', 86_400_000],
]

export function rangeMs(key: string): number {
  return RANGES.find(([name]) => name === key)?.[2] ?? 900_000
}

/** Lines in one chart: more can't be told apart. */
export const MAX_TRENDS = 4
