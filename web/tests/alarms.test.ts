import { describe, expect, it } from 'vitest'
import type { AlarmRow } from '../src/lib/alarmcontract'
import { announcement, byUrgency, canAcknowledge, failures, filterAlarms, keyOf, titleOf } from '../src/lib/alarmwords'

const row = (id: number | null, change: Partial<AlarmRow> = {}): AlarmRow => ({
  id, path: '[default]Line 1/Tank/Level', name: 'High', label: '', priority: 'high', mode: 'above', state: 'active_unacked', value: 82, unit: '%',
  limit: 'above 80', active_at: id, cleared_at: null, acked_at: null, acked_by: '', ack_note: '', ack: 'manual', ack_note_required: false,
  shelvable: true, shelved_until: null, shelved_by: '', notes: '', enabled: true, ...change,
})
const ids = (rows: AlarmRow[]) => rows.map((one) => one.id)

describe('the order of alarms', () => {
  it('is: not acknowledged, then the worst, then the newest', () => {
    const rows = [
      row(1, { state: 'active_acked', priority: 'critical' }), row(2, { priority: 'low' }), row(3), row(4, { state: 'clear_unacked' }), row(5, { priority: 'critical' }),
    ]
    expect(ids(rows.sort(byUrgency))).toEqual([5, 4, 3, 2, 1])
  })
})

describe('filters', () => {
  const rows = [
    row(1, { label: 'Level too high' }), row(2, { path: '[default]Line 10/Pump/Speed', priority: 'low' }), row(3, { state: 'active_acked' }),
    row(4, { state: 'clear_unacked', priority: 'critical', notes: 'close the valve' }),
  ]
  const found = (filter: Partial<Parameters<typeof filterAlarms>[1]>) => ids(filterAlarms(rows, { text: '', state: '', priority: '', path: '', ...filter }))

  it('find words anywhere, and what is at least as bad', () => {
    expect(found({})).toEqual([1, 2, 3, 4])
    expect(found({ text: 'HIGH level too' })).toEqual([1])
    expect(found({ text: 'valve' })).toEqual([4])
    expect(found({ priority: 'high' })).toEqual([1, 3, 4])
    expect(found({ state: 'active' })).toEqual([1, 2, 3])
    expect(found({ state: 'unacknowledged' })).toEqual([1, 2, 4])
  })

  it('keep Line 1 apart from Line 10', () => {
    expect(found({ path: '[default]Line 1' })).toEqual([1, 3, 4])
    expect(found({ path: '[default]' })).toEqual([1, 2, 3, 4])
    expect(found({ path: '[other]' })).toEqual([])
  })
})

describe('words', () => {
  it('name one alarm, and the worst of several', () => {
    expect(announcement([row(1, { label: 'Level too high' })])).toBe('High alarm: Level too high, Line 1/Tank/Level')
    expect(announcement([row(1, { priority: 'low' }), row(2, { priority: 'critical', name: 'Stuck' })])).toBe('2 new alarms. Critical alarm: Stuck, Line 1/Tank/Level')
    expect(announcement([])).toBe('')
  })

  it('tell what did not work out', () => {
    expect(failures([{ outcome: 'done', code: '', message: '' }])).toBe('')
    expect(failures([{ outcome: 'failed', code: 'ALM-1', message: 'gone' }, { outcome: 'done', code: '', message: '' }, { outcome: 'refused', code: '', message: '' }])).toBe('gone, and 1 other')
  })

  it('stand for the alarm while it has no event', () => {
    expect(keyOf(row(null))).not.toBe(keyOf(row(null, { name: 'Low' })))
    expect(canAcknowledge(row(null, { state: 'clear_acked' }))).toBe(false)
    expect(canAcknowledge(row(1, { state: 'clear_unacked' }))).toBe(true)
    expect(titleOf(row(1))).toBe('High')
  })
})
