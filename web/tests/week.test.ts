import { describe, expect, it } from 'vitest'
import type { Hours } from '../src/lib/accesscontract'
import { dayWords, hoursGap, hoursWords, isOn, minutesOf, onDays, painted } from '../src/lib/week'

const WORK: Hours = { days: [0, 1, 2, 3, 4], start: '06:00', end: '14:00' }
const NIGHT: Hours = { days: [4], start: '22:00', end: '06:00' }

describe('hours of a week', () => {
  it('reads times of a day, and only those', () => {
    expect(['00:00', '6:30', '24:00', '24:01', '06:60', 'six'].map(minutesOf)).toEqual([0, 390, 1440, NaN, NaN, NaN])
  })

  it('shows hours past midnight on both days', () => {
    const days = onDays([NIGHT])
    expect(days[4]).toEqual([{ start: 1320, end: 1440 }])
    expect(days[5]).toEqual([{ start: 0, end: 360 }])
  })

  it('takes an end that is the start for a whole day', () => {
    expect(isOn([{ days: [6], start: '06:00', end: '06:00' }], 0, 0, 360)).toBe(true)
  })

  it('paints on and joins what touches', () => {
    expect(painted([WORK], [0, 1, 2, 3, 4], 14 * 60, 16 * 60, true)).toEqual([{ ...WORK, end: '16:00' }])
    expect(painted([WORK], [6], 0, 1440, true)).toEqual([WORK, { days: [6], start: '00:00', end: '24:00' }])
  })

  it('takes away from one day and leaves the others', () => {
    expect(painted([WORK], [2], 8 * 60, 9 * 60, false)).toEqual([
      { days: [0, 1, 3, 4], start: '06:00', end: '14:00' },
      { days: [2], start: '06:00', end: '08:00' },
      { days: [2], start: '09:00', end: '14:00' },
    ])
  })

  it('keeps hours past midnight whole unless they are painted over', () => {
    expect(painted([NIGHT], [0], 0, 60, true)).toContainEqual(NIGHT)
    expect(painted([NIGHT], [5], 0, 120, false)).toEqual([
      { days: [4], start: '22:00', end: '24:00' },
      { days: [5], start: '02:00', end: '06:00' },
    ])
    expect(painted([NIGHT], [5], 300, 360, false)).toEqual([{ days: [4], start: '22:00', end: '05:00' }])
  })

  it('takes away from the morning after a Sunday night', () => {
    expect(painted([{ days: [6], start: '22:00', end: '06:00' }], [0], 0, 360, false)).toEqual([{ days: [6], start: '22:00', end: '24:00' }])
  })

  it('what is painted on and off again is as before', () => {
    const once = painted([WORK, NIGHT], [1, 5], 18 * 60, 20 * 60, true)
    expect(onDays(painted(once, [1, 5], 18 * 60, 20 * 60, false))).toEqual(onDays([WORK, NIGHT]))
  })

  it('has words for it', () => {
    expect(dayWords([0, 1, 2, 3, 4])).toBe('Mon–Fri')
    expect(dayWords([6, 5])).toBe('Sat, Sun')
    expect(dayWords([0, 2])).toBe('Mon, Wed')
    expect(dayWords([0, 1, 2, 3, 4, 5, 6])).toBe('every day')
    expect(hoursWords(NIGHT)).toBe('Fri 22:00–06:00 (next day)')
    expect(hoursGap(WORK)).toBe('')
    expect(hoursGap({ ...WORK, days: [] })).toContain('day')
    expect(hoursGap({ ...WORK, end: '25:00' })).toContain('24:00')
  })
})
