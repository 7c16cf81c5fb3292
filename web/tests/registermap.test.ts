import { describe, expect, it } from 'vitest'
import { addressText, areasOf, placeOf } from '../src/lib/registermap'

const request = (start: number, count: number, more = {}) => ({ rate_ms: 1000, unit: 1, function: 3, start, count, tags: 1, gap_registers: 0, first: '', last: '', why: '', ...more })
const bad = (address: string) => ({ address, path: '', quality: 519, reason: '', next_try_at: null })
const drawing = { line: 100, unit: 1, zeroBased: false }

describe('addresses', () => {
  it('are found where they lie', () => {
    expect(placeOf('HR1', 1, false)).toEqual({ unit: 1, function: 3, start: 0, count: 1 })
    expect(placeOf('3.HRF40', 1, false)).toEqual({ unit: 3, function: 3, start: 39, count: 2 })
    expect(placeOf('IRUI_6410', 1, true)).toEqual({ unit: 1, function: 4, start: 10, count: 4 })
    expect(placeOf('HRS1024:20', 1, false)).toEqual({ unit: 1, function: 3, start: 1023, count: 10 })
    expect(placeOf('[PLC1]c12', 1, false)).toEqual({ unit: 1, function: 1, start: 11, count: 1 })
    expect(placeOf('HR1024.3', 1, false)?.start).toBe(1023)
    expect(placeOf('Temperature', 1, false)).toBeNull()
  })

  it('are written as in a tag', () => {
    expect([addressText(3, 0, false), addressText(1, 5, true), addressText(7, 0, false)]).toEqual(['HR1', 'C5', '7:1'])
  })
})

describe('the picture', () => {
  it('breaks a request at the end of a line and leaves out what nobody reads', () => {
    const [area] = areasOf([request(90, 20), request(1000, 10)], [], drawing)
    expect(area?.lines.map((line) => [line.start, line.skipped, line.blocks.map((block) => [block.x, block.width, block.torn])])).toEqual([
      [0, 0, [[90, 10, true]]], [100, 0, [[0, 10, true]]], [1000, 800, [[0, 10, false]]],
    ])
    expect(area).toMatchObject({ requests: 2, registers: 30 })
  })

  it('has units and functions in their order, and marks what does not answer', () => {
    const areas = areasOf([request(0, 5, { unit: 2 }), request(0, 8, { function: 1 }), request(0, 5, { gap_registers: 2 })], [bad('HRF3'), bad('nonsense')], drawing)
    expect(areas.map((area) => [area.unit, area.function, area.gaps])).toEqual([[1, 1, 0], [1, 3, 2], [2, 3, 0]])
    expect(areas[1]?.lines[0]?.bad.map((mark) => [mark.x, mark.width])).toEqual([[2, 2]])
  })
})
