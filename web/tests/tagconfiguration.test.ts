import { describe, expect, it } from 'vitest'
import { rateText, rateWords } from '../src/lib/rates'
import {
  ALARM_FIELDS, alarmKey, alarmsOf, differences, entryOf, kindOf, missing, shownFields, TAG_FIELDS, typedOf, withAlarm,
} from '../src/lib/tagfields'
import { chainOf, full, isBelow, joined, nameOf, parentOf } from '../src/lib/tagpaths'
import { documentWords, editable, tableOf } from '../src/lib/values'
import { formatValue } from '../src/lib/format'
import { parseTyped } from '../src/lib/taglist'

const device = { path: '[default]Line 1/Level', type: 'Float4', device: 'PLC1', address: 'HRF41', unit: '%', history: true, low: 0, alarms: [{ name: 'High', mode: 'above', setpoint: 80 }] }

describe('paths', () => {
  it('have a parent, a name and a chain', () => {
    expect(parentOf('[default]Line 1/Level')).toBe('[default]Line 1')
    expect(parentOf('[default]Level')).toBe('[default]')
    expect(parentOf('[default]')).toBe('')
    expect([nameOf('[default]Line 1/Level'), nameOf('[default]Level'), nameOf('[default]')]).toEqual(['Level', 'Level', 'default'])
    expect(chainOf('[default]A/B')).toEqual(['[default]', '[default]A', '[default]A/B'])
    expect(chainOf('')).toEqual([])
    expect([joined('[default]', 'X'), joined('[default]A', 'X'), joined('', 'X')]).toEqual(['[default]X', '[default]A/X', '[default]X'])
    expect([full('A/B'), full('[plant]A')]).toEqual(['[default]A/B', '[plant]A'])
    expect([isBelow('[default]A/B', '[default]A'), isBelow('[default]AB', '[default]A')]).toEqual([true, false])
  })
})

describe('a tag as a form', () => {
  const typed = { ...typedOf(TAG_FIELDS, device), kind: kindOf(device) }

  it('gives back the entry it was made of', () => {
    expect(entryOf(TAG_FIELDS, typed, device, 'Float4')).toEqual(device)
  })

  it('keeps what no field is about, and leaves out defaults and what is empty', () => {
    const entry = entryOf(TAG_FIELDS, { ...typed, unit: '', history: 'false', group: 'default', high: '99,5' }, { ...device, future: 1 }, 'Float4')
    expect(entry).toEqual({ type: 'Float4', device: 'PLC1', address: 'HRF41', low: 0, high: 99.5, path: device.path, alarms: device.alarms, future: 1 })
  })

  it('has the fields of its kind', () => {
    const keys = (kind: string, more = {}) => shownFields(TAG_FIELDS, { ...typed, ...more, kind }).map((field) => field.key)
    expect(keys('memory')).toContain('initial')
    expect(keys('memory')).not.toContain('address')
    expect(keys('device')).not.toContain('raw_low')
    expect(keys('device', { scale: 'linear' })).toContain('raw_low')
    expect(keys('expression')).not.toContain('writable')
  })

  it('says what is missing, and sends nonsense as it is so that the gateway can say what is wrong', () => {
    expect(missing(TAG_FIELDS, { ...typed, address: ' ' })).toEqual(['address'])
    expect(missing(TAG_FIELDS, { ...typed, device: '' })).toEqual(['device'])
    expect(missing(TAG_FIELDS, { ...typed, device: '', address: '[PLC1]HR1' })).toEqual([])
    expect(entryOf(TAG_FIELDS, { ...typed, low: 'abc' }, {}, 'Float4')['low']).toBe('abc')
  })

  it('guesses the kind from the keys', () => {
    expect([{ source: 'A' }, { source: 'A', expression: '1' }, { expression: '1' }, {}, { kind: 'memory', device: 'x' }].map(kindOf)).toEqual(['reference', 'derived', 'expression', 'memory', 'memory'])
  })
})

describe('an alarm as a form', () => {
  it('is put in, changed and taken out of its tag', () => {
    const added = withAlarm(device, null, { name: 'Low', mode: 'below', setpoint: 5 })
    expect(alarmsOf(added).map((one) => one['name'])).toEqual(['High', 'Low'])
    expect(alarmsOf(withAlarm(added, 'High', { name: 'Very high' })).map((one) => one['name'])).toEqual(['Very high', 'Low'])
    expect(withAlarm(device, 'High', null)).not.toHaveProperty('alarms')
    expect(alarmsOf(device)).toHaveLength(1)
  })

  it('is on and may be shelved where nothing is written', () => {
    const typed = typedOf(ALARM_FIELDS, { name: 'High', mode: 'above', setpoint: 80 })
    expect([typed['enabled'], typed['shelvable'], typed['ack_note_required']]).toEqual(['true', 'true', 'false'])
    expect(entryOf(ALARM_FIELDS, { ...typed, enabled: 'false' }, {}, 'Float4')).toEqual({ name: 'High', mode: 'above', setpoint: 80, enabled: false })
  })

  it('has a limit as a number or as a formula, and loses neither', () => {
    const alarm = { name: 'High', mode: 'above', expression: '{[.]Setpoint} + 5', inclusive: 'none' }
    const typed = typedOf(ALARM_FIELDS, alarm)
    expect(missing(ALARM_FIELDS, typed)).toEqual([])
    expect(missing(ALARM_FIELDS, { ...typed, expression: '' })).toEqual(['setpoint'])
    expect(entryOf(ALARM_FIELDS, typed, alarm, 'Float4')).toEqual(alarm)
  })

  it('finds the field of an error', () => {
    expect(['alarms.Very.high.setpoint', 'alarms.Low.setpoint', 'alarms #2.name', 'unit'].map((key) => alarmKey(key, 'Very.high'))).toEqual(['setpoint', 'alarms.Low.setpoint', 'name', 'unit'])
  })
})

describe('before and after', () => {
  it('lists what is not the same', () => {
    expect(differences({ a: 1, b: 'x' }, { a: 1, c: [1] })).toEqual([{ key: 'c', before: '', after: '[1]' }, { key: 'b', before: 'x', after: '' }])
    expect(differences(null, { a: 1 })).toEqual([{ key: 'a', before: '', after: '1' }])
  })
})

describe('values with parts', () => {
  const orders = JSON.stringify({ columns: ['Order', 'Count'], rows: [[1, 20], [2, 30]] })

  it('are short in a row', () => {
    expect(formatValue([1, 2], 'Int4Array')).toBe('[1, 2]')
    expect(formatValue([1.5, 2, 3, 4, 5, 6], 'Float4Array')).toBe('[1.50, 2.00, 3.00, 4.00, …] 6 values')
    expect(formatValue(orders, 'DataSet')).toBe('2 rows, 2 columns')
    expect(formatValue('{"a": 1, "b": 2}', 'Document')).toBe('{a, b}')
    expect(formatValue('{"a": 1}', 'String')).toBe('{"a": 1}')
    expect(documentWords('x'.repeat(30_000), 'Document')).toBe('30 kB')
    expect(documentWords('no json', 'DataSet')).toBe('no json')
  })

  it('are tables in detail', () => {
    expect(tableOf(orders, 'DataSet')).toEqual({ columns: ['Order', 'Count'], rows: [[1, 20], [2, 30]] })
    expect(tableOf(['a', null], 'StringArray')?.rows).toEqual([[0, 'a'], [1, null]])
    expect(tableOf('{"a": {"b": 1}}', 'Document')?.rows).toEqual([['a', '{"b":1}']])
    expect(tableOf('{"a": 1}', 'String')).toBeNull()
    expect(tableOf(3, 'Int4')).toBeNull()
  })

  it('are written as JSON and checked by their type', () => {
    expect(parseTyped('[1, 2]', 'Int4Array')).toEqual({ ok: true, value: [1, 2] })
    expect(parseTyped('[1, 2.5]', 'Int4Array')).toMatchObject({ ok: false })
    expect(parseTyped('["a", 1]', 'StringArray')).toMatchObject({ ok: false })
    expect(parseTyped('1, 2', 'Int4Array')).toMatchObject({ ok: false })
    expect(parseTyped(editable(orders), 'DataSet')).toEqual({ ok: true, value: orders.replaceAll(' ', '') })
    expect(parseTyped('{"columns": 1}', 'DataSet')).toMatchObject({ ok: false })
    expect(parseTyped('3', 'Document')).toMatchObject({ ok: false })
  })
})

describe('rates', () => {
  it('are read as they are written', () => {
    expect(['500ms', '2s', '0s', 0.25, 3, null].map(rateWords)).toEqual(['500 ms', '2 s', 'never', '250 ms', '3 s', 'never'])
    expect(['500ms', 0.25, 2, null].map(rateText)).toEqual(['500ms', '250ms', '2s', ''])
  })
})
