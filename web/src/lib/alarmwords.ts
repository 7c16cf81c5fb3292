/** Alarms in words and in order. Pure. */

import type { AlarmChange, AlarmMode, AlarmRow, AlarmState, Done, Priority } from './alarmcontract'
import { plural, shortPath } from './format'
import { isBelow } from './tagpaths'

/** The worst first. */
export const PRIORITIES: Priority[] = ['critical', 'high', 'medium', 'low', 'diagnostic']
export const PRIORITY_WORDS: Record<Priority, string> = { critical: 'Critical', high: 'High', medium: 'Medium', low: 'Low', diagnostic: 'Diagnostic' }
export const STATE_WORDS: Record<AlarmState, string> = {
  active_unacked: 'Active, unacknowledged', active_acked: 'Active, acknowledged', clear_unacked: 'Cleared, unacknowledged', clear_acked: 'Normal',
}
export const CHANGE_WORDS: Record<AlarmChange, string> = {
  active: 'Active', clear: 'Cleared', ack: 'Acknowledged', shelved: 'Shelved', unshelved: 'Unshelved', enabled: 'Enabled', disabled: 'Disabled',
}
export const MODE_WORDS: Record<AlarmMode, string> = {
  above: 'Above a limit', below: 'Below a limit', equal: 'Equal to a value', not_equal: 'Not equal to a value', between: 'Between two values',
  outside: 'Outside two values', out_of_range: 'Outside the engineering range', bad_quality: 'Quality is bad', any_change: 'Any change',
  bit: 'A bit is set', on_condition: 'While a formula is true', when_true: 'While true', when_false: 'While false',
}

const RANK = Object.fromEntries(PRIORITIES.map((priority, index) => [priority, index])) as Record<Priority, number>

export const isActive = (row: AlarmRow): boolean => row.state === 'active_unacked' || row.state === 'active_acked'
export const isUnacked = (row: AlarmRow): boolean => row.state === 'active_unacked' || row.state === 'clear_unacked'
/** Somebody can acknowledge it. */
export const canAcknowledge = (row: AlarmRow): boolean => row.id !== null && isUnacked(row)

/** An alarm that nobody named otherwise is called by its own name. */
export const titleOf = (row: { label: string; name: string }): string => row.label || row.name

/** One event, or the alarm itself while it has none. */
export const keyOf = (row: AlarmRow): string => (row.id === null ? `${row.path} ${row.name}` : String(row.id))

/** Unacknowledged first, then the worst, then the newest. */
export function byUrgency(a: AlarmRow, b: AlarmRow): number {
  return Number(isUnacked(b)) - Number(isUnacked(a)) || RANK[a.priority] - RANK[b.priority] || (b.active_at ?? 0) - (a.active_at ?? 0) || (b.id ?? 0) - (a.id ?? 0)
}

export interface AlarmFilter {
  text: string
  /** '', active or unacknowledged */
  state: string
  /** the lowest priority that is shown, '' for all */
  priority: string
  /** '' or a folder or tag */
  path: string
}

export const isPriority = (text: string): text is Priority => text in RANK

export function filterAlarms(rows: AlarmRow[], filter: AlarmFilter): AlarmRow[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  const lowest = isPriority(filter.priority) ? RANK[filter.priority] : PRIORITIES.length
  return rows.filter((row) => {
    if (RANK[row.priority] > lowest) return false
    if (filter.state === 'active' && !isActive(row)) return false
    if (filter.state === 'unacknowledged' && !isUnacked(row)) return false
    if (!isBelow(row.path, filter.path)) return false
    const haystack = words.length > 0 ? `${row.path} ${row.name} ${row.label} ${row.notes}`.toLowerCase() : ''
    return words.every((word) => haystack.includes(word))
  })
}

/** What is said of alarms that have just come: one by name, several as a number with the worst. */
export function announcement(rows: AlarmRow[]): string {
  const worst = [...rows].sort((a, b) => RANK[a.priority] - RANK[b.priority])[0]
  if (!worst) return ''
  const one = `${PRIORITY_WORDS[worst.priority]} alarm: ${titleOf(worst)}, ${shortPath(worst.path)}`
  return rows.length === 1 ? one : `${rows.length} new alarms. ${one}`
}

/** What became of several, for those that did not work out; empty if all did. */
export function failures(answers: Done[]): string {
  const failed = answers.filter((answer) => answer.outcome !== 'done')
  const first = failed[0]
  if (!first) return ''
  const rest = failed.length > 1 ? `, and ${plural(failed.length - 1, 'other')}` : ''
  return `${first.message || first.code || first.outcome}${rest}`
}
