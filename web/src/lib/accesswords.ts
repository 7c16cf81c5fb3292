/** Access data in words. Pure: the time zone and language are the browser's. */

import { EVERYWHERE, type AntiPassback, type Change, type Rule } from './accesscontract'
import { formatDate, formatDateTime } from './format'

/** "Ada Lovelace" -> "AL", "ada" -> "A" */
export function initials(name: string): string {
  const words = name.trim().split(/[\s_.-]+/).filter(Boolean)
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]]
  return letters.map((word) => [...(word ?? '')][0]?.toUpperCase() ?? '').join('') || '?'
}

/** The zone of whoever is in none has no name. */
export const zoneWord = (zone: string): string => (zone === '' ? 'outside' : zone === EVERYWHERE ? 'everywhere' : zone)

export const maskedCard = (last4: string): string => (last4 === '' ? '' : `…${last4}`)

export const PASSBACK_WORDS: Record<AntiPassback, string> = {
  off: 'Off: entering twice is normal',
  soft: 'Remark: entering twice is let in and noted',
  hard: 'Deny: who is inside can’t enter again',
}

export interface Validity {
  enabled: boolean
  valid_from: number | null
  valid_until: number | null
}

export type ValidState = 'valid' | 'blocked' | 'early' | 'ended'

/** Whether it counts at `now`, and in words when not or not for ever. */
export function validity(item: Validity, now: number, blocked = 'Blocked'): { state: ValidState; text: string } {
  if (!item.enabled) return { state: 'blocked', text: blocked }
  if (item.valid_from !== null && now < item.valid_from) return { state: 'early', text: `From ${shortMoment(item.valid_from)}` }
  if (item.valid_until !== null && now >= item.valid_until) return { state: 'ended', text: `Ended ${shortMoment(item.valid_until)}` }
  return { state: 'valid', text: item.valid_until === null ? '' : `Until ${shortMoment(item.valid_until)}` }
}

/** A day alone when it is midnight. */
export function shortMoment(ms: number): string {
  const text = formatDateTime(ms)
  return text.endsWith(' 00:00:00') ? formatDate(ms) : text.slice(0, -3)
}

function list(words: string[], most = 3): string {
  const shown = words.slice(0, most).join(', ')
  return words.length > most ? `${shown} and ${words.length - most} more` : shown
}

/** Who a rule is for. `nameOf` tells the name of a holder. */
export function whoWords(rule: Rule, nameOf: (id: string) => string = (id) => id): string {
  if (rule.groups.includes(EVERYWHERE)) return 'everybody who is known'
  const words = [...rule.groups, ...rule.holders.map(nameOf)]
  return words.length === 0 ? 'nobody' : list(words)
}

/** Where a rule holds. */
export function whereWords(rule: Rule): string {
  const everywhere = rule.readers.includes(EVERYWHERE) || rule.zones.includes(EVERYWHERE)
  if (everywhere) return rule.readers.includes(EVERYWHERE) ? 'every reader' : 'into every zone'
  const words = [...rule.readers.map((reader) => `at ${reader}`), ...rule.zones.map((zone) => (zone === '' ? 'on the way out' : `into ${zone}`))]
  return words.length === 0 ? 'nowhere' : list(words)
}

export const whenWords = (rule: Rule): string => (rule.schedule === '' ? 'always' : rule.schedule)

/** What keeps a rule from ever matching, in words; empty if nothing does. */
export function ruleGap(rule: Rule): string {
  if (rule.name.trim() === '') return 'It needs a name.'
  if (rule.groups.length + rule.holders.length === 0) return 'It is for nobody yet: choose groups or holders.'
  if (rule.readers.length + rule.zones.length === 0) return 'It holds nowhere yet: choose readers or zones.'
  return ''
}

/** A name like `wanted` that is not among `names`. */
export function freeName(wanted: string, names: string[]): string {
  if (!names.includes(wanted)) return wanted
  for (let number = 2; ; number += 1) if (!names.includes(`${wanted} ${number}`)) return `${wanted} ${number}`
}

/** The same list with the row at `from` at `to`. */
export function moved<T>(rows: T[], from: number, to: number): T[] {
  const next = [...rows]
  const [row] = next.splice(from, 1)
  if (row !== undefined) next.splice(Math.max(0, Math.min(to, next.length)), 0, row)
  return next
}

export interface FieldChange {
  field: string
  before: string
  after: string
}

const MOMENTS = new Set(['valid_from', 'valid_until', 'since'])

function shownValue(field: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '–'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number' && MOMENTS.has(field)) return shortMoment(value)
  if (Array.isArray(value)) {
    const items = value.map((item) => (typeof item === 'object' ? Object.values(item as object).flat().join(' ') : item === '' ? 'outside' : String(item)))
    return items.length === 0 ? '–' : items.join(', ')
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const label = (field: string) => field.charAt(0).toUpperCase() + field.slice(1).replaceAll('_', ' ')

/** The fields in which two versions of something differ. */
export function differences(before: object | null, after: object | null): FieldChange[] {
  const [old, fresh] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>]
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
    .filter((field) => JSON.stringify(old[field]) !== JSON.stringify(fresh[field]))
    .map((field) => ({ field: label(field), before: shownValue(field, old[field]), after: shownValue(field, fresh[field]) }))
    .filter(({ before: a, after: b }) => a !== b)
}

/** The keyed hash of a card says nothing to people: the number's end stands for it. */
export function changeTitle(change: Change): string {
  const kind = change.kind === 'holders' ? 'holder' : change.kind.replace(/s$/, '')
  if (change.kind === 'rules' && change.key === '') return 'order of the rules'
  if (change.kind !== 'cards') return `${kind} ${zoneWord(change.key)}`
  const card = (change.after ?? change.before) as Record<string, unknown> | null
  return `card ${maskedCard(String(card?.['last4'] ?? ''))} of ${String(card?.['holder'] ?? '')}`
}

export function changeFields(change: Change): FieldChange[] {
  if (Array.isArray(change.before) || Array.isArray(change.after)) {
    return [{ field: 'Order', before: shownValue('', change.before), after: shownValue('', change.after) }]
  }
  return differences(change.before, change.after).filter(({ field }) => field !== 'Id' || change.kind !== 'cards')
}
