import { describe, expect, it } from 'vitest'
import {
  formatBytes, formatCount, formatDateTime, formatDuration, formatFigure, formatFloat, formatLatency, formatMoment, formatValue, plural,
  shortPath, splitPath, toInputDateTime,
} from '../src/lib/format'

const noon = new Date(2026, 10, 20, 12, 3, 9).getTime()

describe('values', () => {
  it('are written by their type', () => {
    expect(formatValue(null)).toBe('–')
    expect(formatValue(undefined)).toBe('–')
    expect(formatValue(true, 'Boolean')).toBe('On')
    expect(formatValue('COLA', 'String')).toBe('COLA')
    expect(formatValue(18231, 'Int4')).toBe('18231')
    expect(formatValue(240, 'Float4')).toBe('240.0')
    expect(formatValue(noon, 'DateTime')).toBe('2026-11-20 12:03:09')
  })

  it('keep their width while they move', () => {
    expect([0, 1, 9.999, 12.3456, 123.456, 1234.56, 123456.7].map(formatFloat)).toEqual(['0.00', '1.00', '10.00', '12.35', '123.5', '1234.6', '123457'])
    expect(formatFloat(-612.25)).toBe('-612.3')
    expect(formatFloat(0.01234)).toBe('0.0123')
    expect(formatFloat(0.0000123)).toBe('1.230e-5')
    expect(formatFloat(1.5e12)).toBe('1.500e+12')
  })
})

describe('times', () => {
  it('tell ages in the largest fitting unit', () => {
    const second = 1000
    expect([-5 * second, 0, 59 * second, 60 * second, 3600 * second, 3900 * second, 86400 * second, 90000 * second, 86400 * 12 * second].map(formatDuration)).toEqual([
      '0 s', '0 s', '59 s', '1 min', '1 h', '1 h 5 min', '1 d', '1 d 1 h', '12 d',
    ])
  })

  it('leave out the date while it is today', () => {
    expect(formatMoment(noon, noon + 1000)).toBe('12:03:09')
    expect(formatMoment(noon - 86_400_000, noon)).toBe('2026-11-19 12:03:09')
    expect(formatDateTime(noon)).toBe('2026-11-20 12:03:09')
    expect(toInputDateTime(noon)).toBe('2026-11-20T12:03:09')
  })

  it('give latency one decimal where it matters', () => {
    expect([0.42, 9.96, 12.4].map(formatLatency)).toEqual(['0.4 ms', '10.0 ms', '12 ms'])
    expect(formatLatency(null)).toBe('–')
  })
})

describe('words', () => {
  it('count', () => {
    expect(plural(1, 'problem')).toBe('1 problem')
    expect(plural(2, 'problem')).toBe('2 problems')
    expect(formatCount(1234567)).toBe('1\u202f234\u202f567')
    expect(formatBytes(999)).toBe('999 B')
    expect(formatBytes(1_200_034)).toBe('1.2 MB')
  })

  it('split paths', () => {
    expect(splitPath('[default]Line 1/Filler/Speed')).toEqual({ folder: 'Line 1/Filler', name: 'Speed' })
    expect(splitPath('[default]Speed')).toEqual({ folder: '', name: 'Speed' })
    expect(shortPath('[System]Load')).toBe('[System]Load')
  })

  it('name figures with their units', () => {
    expect(formatFigure('response_ms', 1.417)).toEqual({ label: 'Response', text: '1.42 ms' })
    expect(formatFigure('requests_per_s', 4)).toEqual({ label: 'Requests', text: '4/s' })
    expect(formatFigure('tags_good', 1200)).toEqual({ label: 'Tags good', text: '1\u202f200' })
    expect(formatFigure('response_ms', null)).toEqual({ label: 'Response', text: '–' })
    expect(formatFigure('port', 10502)).toEqual({ label: 'Port', text: '10502' })
    expect(formatFigure('bytes', 2048)).toEqual({ label: 'Size', text: '2.0 kB' })
  })
})
