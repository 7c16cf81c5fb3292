/**
 * Hours of a week: how they lie on seven days, and how painting on the week changes them. Pure.
 *
 * Hours that go past midnight belong to the day they begin on (a holiday is looked up by that day), so they are kept
 * whole: a span may end after 24:00 of its day.
 */

import type { Hours } from './accesscontract'

export const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
export const DAY_NAMES = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
export const DAY_MINUTES = 24 * 60

/** Minutes from midnight of `day`; `end` may lie on the day after. */
interface Span {
  day: number
  start: number
  end: number
}

/** Minutes of "06:30"; NaN for what is no time of a day. */
export function minutesOf(text: string): number {
  const found = /^(\d{1,2}):(\d{2})$/.exec(text.trim())
  if (!found) return NaN
  const minutes = Number(found[1]) * 60 + Number(found[2])
  return Number(found[2]) > 59 || minutes > DAY_MINUTES ? NaN : minutes
}

export function clockOf(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

function spans(week: Hours[]): Span[] {
  return week.flatMap(({ days, start, end }) => {
    const [from, to] = [minutesOf(start), minutesOf(end)]
    if (Number.isNaN(from) || Number.isNaN(to)) return []
    return days.map((day) => ({ day, start: from, end: to <= from ? to + DAY_MINUTES : to }))
  })
}

/** For each day what is on, in minutes from 0 to 1440, in order and joined; hours past midnight are on both days. */
export function onDays(week: Hours[]): { start: number; end: number }[][] {
  const days: { start: number; end: number }[][] = DAYS.map(() => [])
  for (const { day, start, end } of spans(week)) {
    days[day]?.push({ start, end: Math.min(end, DAY_MINUTES) })
    if (end > DAY_MINUTES) days[(day + 1) % 7]?.push({ start: 0, end: end - DAY_MINUTES })
  }
  return days.map(joined)
}

function joined<T extends { start: number; end: number }>(pieces: T[]): T[] {
  const result: T[] = []
  for (const piece of [...pieces].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last && piece.start <= last.end) last.end = Math.max(last.end, piece.end)
    else result.push({ ...piece })
  }
  return result
}

/** Is all of `start` to `end` on, on that day? */
export function isOn(week: Hours[], day: number, start: number, end: number): boolean {
  return (onDays(week)[day] ?? []).some((piece) => piece.start <= start && piece.end >= end)
}

/** The week with `start` to `end` (minutes) of `days` switched on or off. */
export function painted(week: Hours[], days: number[], start: number, end: number, on: boolean): Hours[] {
  let all = spans(week)
  for (const day of days) {
    if (on) all.push({ day, start, end })
    else all = all.flatMap((span) => without(span, day, start, end))
  }
  return regrouped(all)
}

function without(span: Span, day: number, start: number, end: number): Span[] {
  // The same minutes as seen from the day on which the span began.
  const shift = span.day === day ? 0 : (span.day + 1) % 7 === day ? DAY_MINUTES : NaN
  if (Number.isNaN(shift)) return [span]
  const [from, to] = [start + shift, end + shift]
  if (span.end <= from || span.start >= to) return [span]
  const rest: Span[] = []
  if (span.start < from) rest.push({ ...span, end: from })
  if (span.end > to) rest.push({ ...span, start: to })
  return rest.map((piece) =>
    piece.start >= DAY_MINUTES ? { day: (piece.day + 1) % 7, start: piece.start - DAY_MINUTES, end: piece.end - DAY_MINUTES } : piece,
  )
}

/** Days with the same hours share a row, earliest first. */
function regrouped(all: Span[]): Hours[] {
  const rows = new Map<string, { start: number; end: number; days: number[] }>()
  for (let day = 0; day < 7; day += 1) {
    for (const { start, end } of joined(all.filter((span) => span.day === day))) {
      const key = `${start} ${end}`
      const row = rows.get(key) ?? { start, end, days: [] }
      row.days.push(day)
      rows.set(key, row)
    }
  }
  return [...rows.values()]
    .sort((a, b) => (a.days[0] as number) - (b.days[0] as number) || a.start - b.start)
    .map(({ start, end, days }) => ({ days, start: clockOf(start), end: clockOf(end > DAY_MINUTES ? end - DAY_MINUTES : end) }))
}

/** "Mon–Fri", "Sat, Sun", "every day" */
export function dayWords(days: number[]): string {
  const sorted = [...new Set(days)].sort((a, b) => a - b)
  if (sorted.length === 7) return 'every day'
  const runs: [number, number][] = []
  for (const day of sorted) {
    const last = runs.at(-1)
    if (last && last[1] === day - 1) last[1] = day
    else runs.push([day, day])
  }
  return runs
    .map(([from, to]) => (from === to ? DAYS[from] : to === from + 1 ? `${DAYS[from]}, ${DAYS[to]}` : `${DAYS[from]}–${DAYS[to]}`))
    .join(', ')
}

export function hoursWords(hours: Hours): string {
  const late = minutesOf(hours.end) <= minutesOf(hours.start)
  return `${dayWords(hours.days)} ${hours.start}–${hours.end}${late ? ' (next day)' : ''}`
}

/** What keeps hours from being saved, in words; empty if nothing does. */
export function hoursGap(hours: Hours): string {
  if (Number.isNaN(minutesOf(hours.start)) || Number.isNaN(minutesOf(hours.end))) return 'Write times as 06:00, from 00:00 to 24:00.'
  if (minutesOf(hours.start) === DAY_MINUTES) return 'Hours begin before 24:00.'
  return hours.days.length === 0 ? 'Choose at least one day.' : ''
}
