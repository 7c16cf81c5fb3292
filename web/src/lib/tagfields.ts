/** The fields of a tag's and of an alarm's configuration: which there are, for whom, and how they become entries. Pure. */

import type { AlarmMode } from './alarmcontract'
import { MODE_WORDS, PRIORITIES, PRIORITY_WORDS } from './alarmwords'
import { parseTyped } from './taglist'
import type { Entry } from './tagcontract'

export type TagKind = 'device' | 'memory' | 'expression' | 'derived' | 'reference'
export const KIND_WORDS: Record<TagKind, string> = {
  device: 'Device: polled from a PLC', memory: 'Memory: keeps what is written', expression: 'Expression: computed from other tags',
  derived: 'Derived: another tag through a formula', reference: 'Reference: another tag under a second path',
}
export const KINDS = Object.keys(KIND_WORDS) as TagKind[]

const PLAIN_TYPES = ['Boolean', 'Int1', 'Int2', 'Int4', 'Int8', 'Float4', 'Float8', 'String', 'DateTime']
export const DATA_TYPES = [...PLAIN_TYPES, ...PLAIN_TYPES.map((name) => `${name}Array`), 'DataSet', 'Document']
const isNumber = (dataType: unknown) => typeof dataType === 'string' && /^(Int[1248]|Float[48])$/.test(dataType)

export type Typed = Record<string, string>

export interface Field {
  key: string
  label: string
  as: 'text' | 'long' | 'formula' | 'number' | 'flag' | 'choice' | 'value' | 'tag' | 'device' | 'group'
  /** for `choice`: [value, words]; the first is the default and is not written */
  choices?: [string, string][]
  hint?: string
  /** in the first part of the form, or below "More" */
  main?: When
  needed?: When
  /** whether it means anything, with what is typed */
  shown?: When
}
type When = boolean | ((typed: Typed) => boolean)

export const holds = (when: When | undefined, typed: Typed, otherwise = false): boolean => (typeof when === 'function' ? when(typed) : (when ?? otherwise))

const kindIs = (...kinds: TagKind[]) => (typed: Typed) => kinds.includes(typed['kind'] as TagKind)
const BOUNDS: [string, string][] = [['none', 'none'], ['low', 'the lower end'], ['high', 'the upper end'], ['both', 'both ends']]
const scaled = (...modes: string[]) => (typed: Typed) => typed['kind'] === 'device' && modes.includes(typed['scale'] || 'off')

export const TAG_FIELDS: Field[] = [
  { key: 'type', label: 'Data type', as: 'choice', choices: DATA_TYPES.map((name) => [name, name]), main: true, needed: true },
  { key: 'device', label: 'Device', as: 'device', main: true, needed: (typed) => !(typed['address'] ?? '').trim().startsWith('['), shown: kindIs('device') },
  { key: 'address', label: 'Address', as: 'text', main: true, needed: true, shown: kindIs('device'), hint: 'Modbus: HR1, HRF40, C12, 3.HRUS7, HR1024.3; with the device: [PLC1]HR1' },
  { key: 'source', label: 'Source tag', as: 'tag', main: true, needed: true, shown: kindIs('derived', 'reference'), hint: 'A path; [.] is the folder of this tag' },
  { key: 'expression', label: 'Formula', as: 'formula', main: true, needed: true, shown: kindIs('expression', 'derived'), hint: '{[.]Speed} * 60; of a derived tag {source} is what it follows' },
  { key: 'write_expression', label: 'Formula for writing', as: 'formula', main: true, shown: kindIs('derived'), hint: 'From {value}, what is written, back to the source' },
  { key: 'execute', label: 'Computed', as: 'choice', choices: [['event', 'when an input changes'], ['rate', 'at the rate of the tag group']], main: true, shown: kindIs('expression', 'derived') },
  { key: 'initial', label: 'First value', as: 'value', main: true, shown: kindIs('memory') },
  { key: 'persist', label: 'Keep the value over a restart', as: 'flag', main: true, shown: kindIs('memory') },
  { key: 'group', label: 'Tag group', as: 'group', main: true, shown: (typed) => typed['kind'] === 'device' || typed['execute'] === 'rate' },
  { key: 'unit', label: 'Unit', as: 'text', main: true },
  { key: 'description', label: 'Description', as: 'text', main: true },
  { key: 'writable', label: 'People may write it', as: 'flag', main: true, shown: (typed) => typed['kind'] !== 'expression' },
  { key: 'history', label: 'Keep its history', as: 'flag', main: true, shown: (typed) => !/Array$|DataSet|Document/.test(typed['type'] ?? '') },
  { key: 'low', label: 'Range from', as: 'number' },
  { key: 'high', label: 'Range to', as: 'number' },
  { key: 'limit', label: 'Hold the range', as: 'choice', choices: BOUNDS, hint: 'A value beyond is uncertain and can’t be written' },
  { key: 'scale', label: 'Scaling', as: 'choice', choices: [['off', 'off'], ['linear', 'linear'], ['square_root', 'square root'], ['exponential_filter', 'exponential filter'], ['bit_inversion', 'bit inversion']], shown: kindIs('device') },
  { key: 'raw_low', label: 'Raw from', as: 'number', needed: true, shown: scaled('linear', 'square_root') },
  { key: 'raw_high', label: 'Raw to', as: 'number', needed: true, shown: scaled('linear', 'square_root') },
  { key: 'scaled_low', label: 'Scaled from', as: 'number', needed: true, shown: scaled('linear', 'square_root') },
  { key: 'scaled_high', label: 'Scaled to', as: 'number', needed: true, shown: scaled('linear', 'square_root') },
  { key: 'clamp', label: 'Clamp', as: 'choice', choices: BOUNDS, shown: scaled('linear', 'square_root', 'exponential_filter') },
  { key: 'factor', label: 'Share of a new value', as: 'number', needed: true, shown: scaled('exponential_filter'), hint: 'Above 0, at most 1: 1 filters nothing' },
  { key: 'deadband', label: 'Deadband', as: 'number', shown: (typed) => typed['kind'] !== 'memory' && isNumber(typed['type']), hint: 'A smaller change is none' },
  { key: 'deadband_mode', label: 'Deadband in', as: 'choice', choices: [['absolute', 'units of the tag'], ['percent', 'percent of the range']], shown: (typed) => Boolean(typed['deadband']) },
  { key: 'format', label: 'Number format', as: 'text', hint: '0.00' },
  { key: 'documentation', label: 'Documentation', as: 'long' },
]

const modeIs = (...modes: AlarmMode[]) => (typed: Typed) => modes.includes(typed['mode'] as AlarmMode)
export const ALARM_FIELDS: Field[] = [
  { key: 'name', label: 'Name', as: 'text', main: true, needed: true, hint: 'Unique within the tag: High, Low, Stuck' },
  { key: 'mode', label: 'Active', as: 'choice', choices: Object.entries(MODE_WORDS), main: true, needed: true },
  { key: 'setpoint', label: 'Limit', as: 'value', main: true, needed: (typed) => !typed['expression'], shown: modeIs('above', 'below', 'equal', 'not_equal') },
  { key: 'low', label: 'From', as: 'number', main: true, shown: modeIs('between', 'outside') },
  { key: 'high', label: 'To', as: 'number', main: true, shown: modeIs('between', 'outside') },
  { key: 'bit', label: 'Bit', as: 'number', main: true, needed: true, shown: modeIs('bit'), hint: '0 is the lowest' },
  { key: 'expression', label: 'Formula', as: 'formula', main: modeIs('on_condition'), needed: modeIs('on_condition'), shown: modeIs('on_condition', 'above', 'below', 'equal', 'not_equal'), hint: 'Active while it is true: {[.]Speed} > 0 && {[.]Level} < 5; of a limit, in place of a number: {[.]Setpoint} + 5' },
  { key: 'inclusive', label: 'Active at the limit itself, too', as: 'choice', choices: [['both', 'at both ends'], ['low', 'at the lower end'], ['high', 'at the upper end'], ['none', 'at neither end']], shown: modeIs('above', 'below', 'between', 'outside') },
  { key: 'priority', label: 'Priority', as: 'choice', choices: [['low', PRIORITY_WORDS.low], ...PRIORITIES.filter((one) => one !== 'low').map((one): [string, string] => [one, PRIORITY_WORDS[one]])], main: true },
  { key: 'deadband', label: 'Deadband', as: 'number', main: true, shown: modeIs('above', 'below', 'between', 'outside', 'out_of_range', 'equal', 'any_change'), hint: 'How far it must come back to clear' },
  { key: 'deadband_mode', label: 'Deadband in', as: 'choice', choices: [['absolute', 'units of the tag'], ['percent', 'percent of the range']], shown: (typed) => Boolean(typed['deadband']) },
  { key: 'active_delay', label: 'Active only after', as: 'text', main: true, shown: (typed) => typed['mode'] !== 'any_change', hint: 'A time such as 5s or 2min' },
  { key: 'clear_delay', label: 'Clear only after', as: 'text', shown: (typed) => typed['mode'] !== 'any_change', hint: 'A time such as 5s or 2min' },
  { key: 'notes', label: 'What to do', as: 'long', main: true, hint: 'Shown with the alarm' },
  { key: 'label', label: 'Label', as: 'text', hint: 'How people call it; without one it is called by its name' },
  { key: 'ack', label: 'Acknowledged', as: 'choice', choices: [['manual', 'by a person'], ['auto', 'by itself when it clears'], ['unused', 'not at all']] },
  { key: 'ack_note_required', label: 'Acknowledging needs a note', as: 'flag', shown: (typed) => (typed['ack'] || 'manual') === 'manual' },
  { key: 'shelvable', label: 'May be shelved', as: 'flag' },
  { key: 'enabled', label: 'Enabled', as: 'flag' },
]
/** Flags that are on where nothing is written. */
const ON = new Set(['shelvable', 'enabled'])

/** The kind that an entry means, where it does not say. */
export function kindOf(entry: Record<string, unknown>): TagKind {
  const said = entry['kind']
  if (typeof said === 'string' && (KINDS as string[]).includes(said)) return said as TagKind
  if (entry['device'] || entry['address']) return 'device'
  if (entry['source']) return entry['expression'] || entry['write_expression'] ? 'derived' : 'reference'
  return entry['expression'] ? 'expression' : 'memory'
}

const asText = (value: unknown): string => (value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value))

export function typedOf(fields: Field[], entry: Record<string, unknown>): Typed {
  const typed: Typed = {}
  for (const field of fields) {
    const fallback = field.as === 'flag' ? String(ON.has(field.key)) : field.as === 'choice' && !field.needed ? (field.choices?.[0]?.[0] ?? '') : ''
    typed[field.key] = asText(entry[field.key]) || fallback
  }
  return typed
}

export const shownFields = (fields: Field[], typed: Typed): Field[] => fields.filter((field) => holds(field.shown, typed, true))

function valueOf(field: Field, text: string, dataType: string): unknown {
  if (field.as === 'flag') return (text === 'true') === ON.has(field.key) ? undefined : text === 'true'
  if (field.as === 'choice' && !field.needed && text === field.choices?.[0]?.[0]) return undefined
  if (text.trim() === '') return undefined
  if (field.as === 'group' && text === 'default') return undefined
  if (field.as === 'number') {
    const number = Number(text.trim().replace(',', '.'))
    // What is no number goes as it is: the gateway says what is wrong with it.
    return Number.isFinite(number) ? number : text
  }
  if (field.as === 'value') {
    const parsed = parseTyped(text, dataType)
    return parsed.ok ? parsed.value : text
  }
  return field.as === 'long' || field.as === 'formula' ? text.replace(/\s+$/, '') : text.trim()
}

/** What is typed, as an entry: keys that mean nothing and defaults are left out; `base` keeps what no field is about. */
export function entryOf(fields: Field[], typed: Typed, base: Record<string, unknown>, dataType: string): Record<string, unknown> {
  const known = new Set(fields.map((field) => field.key))
  const entry: Record<string, unknown> = {}
  for (const field of shownFields(fields, typed)) {
    const value = valueOf(field, typed[field.key] ?? '', dataType)
    if (value !== undefined) entry[field.key] = value
  }
  for (const [key, value] of Object.entries(base)) if (!known.has(key)) entry[key] = value
  return entry
}

/** The fields that must not be empty and are. */
export const missing = (fields: Field[], typed: Typed): string[] =>
  shownFields(fields, typed).filter((field) => holds(field.needed, typed) && (typed[field.key] ?? '').trim() === '').map((field) => field.key)

export interface Difference {
  key: string
  before: string
  after: string
}

const words = (value: unknown): string => (value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value))

/** What is not the same, key by key; nothing before makes everything new. */
export function differences(before: Record<string, unknown> | null, after: Record<string, unknown>): Difference[] {
  const keys = [...new Set([...Object.keys(after), ...Object.keys(before ?? {})])]
  return keys.map((key) => ({ key, before: words(before?.[key]), after: words(after[key]) })).filter((row) => row.before !== row.after)
}

/** One alarm in a line of [[tag.alarms]]: added, changed under its old name, or taken out. */
export function withAlarm(entry: Entry, name: string | null, alarm: Record<string, unknown> | null): Entry {
  const alarms = alarmsOf(entry)
  const at = name === null ? -1 : alarms.findIndex((one) => one['name'] === name)
  const next = alarm === null ? alarms.filter((_, index) => index !== at) : at < 0 ? [...alarms, alarm] : alarms.map((one, index) => (index === at ? alarm : one))
  const rest = Object.fromEntries(Object.entries(entry).filter(([key]) => key !== 'alarms')) as Entry
  return next.length > 0 ? { ...rest, alarms: next } : rest
}

export function alarmsOf(entry: Record<string, unknown>): Record<string, unknown>[] {
  return Array.isArray(entry['alarms']) ? (entry['alarms'] as Record<string, unknown>[]) : []
}

/** The field that an error of the alarm `name` is about: "alarms.High.setpoint" -> "setpoint"; of any other error its key. */
export function alarmKey(key: string, name: string): string {
  return key.startsWith(`alarms.${name}.`) ? key.slice(`alarms.${name}.`.length) : key.replace(/^alarms #\d+\./, '')
}
