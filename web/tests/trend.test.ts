import { describe, expect, it } from 'vitest'
import { append, columns, drawable, emptySeries, extent, prune, seriesOf, type Series } from '../src/lib/trend'

const series = (...points: [number, number | null][]): Series => ({ times: points.map(([t]) => t), values: points.map(([, v]) => v) })

describe('what can be drawn', () => {
  it('is a good number or bit', () => {
    expect(drawable(1.5, 192)).toBe(1.5)
    expect(drawable(true, 192)).toBe(1)
    expect(drawable(false, 0)).toBe(0)
    expect(drawable(1.5, 522)).toBeNull()
    expect(drawable('words', 192)).toBeNull()
    expect(drawable(null, 192)).toBeNull()
    expect(drawable(Infinity, 192)).toBeNull()
  })
})

describe('series', () => {
  it('takes history and refuses repeats', () => {
    const one = seriesOf([[1000, 1, 192], [2000, 2, 522], [3000, 3, 192]])
    expect(one).toEqual(series([1000, 1], [2000, null], [3000, 3]))
    expect(append(one, 3000, 9)).toBe(false)
    expect(append(one, 2500, 9)).toBe(false)
    expect(append(one, 4000, 4)).toBe(true)
    expect(one.times).toEqual([1000, 2000, 3000, 4000])
  })

  it('is pruned down to the point that still holds', () => {
    const one = series([1, 10], [2, 20], [3, 30], [4, 40])
    prune(one, 3)
    expect(one).toEqual(series([3, 30], [4, 40]))
    prune(one, 3.5)
    expect(one).toEqual(series([3, 30], [4, 40]))
    prune(one, 100)
    expect(one).toEqual(series([4, 40]))
  })
})

describe('columns', () => {
  it('hold a value from before the span, through it, up to now', () => {
    expect(columns([series([1000, 5])], 2000, 9000, 9000)).toEqual([[2, 9], [5, 5]])
  })

  it('join series on one axis, each held until its next point', () => {
    expect(columns([series([1000, 1], [3000, 3]), series([2000, 20])], 0, 4000, 4000)).toEqual([
      [1, 2, 3, 4],
      [1, 1, 3, 3],
      [null, 20, 20, 20],
    ])
  })

  it('have a gap where the value was not good', () => {
    expect(columns([series([1000, 1], [2000, null], [3000, 3])], 0, 4000, 4000)).toEqual([[1, 2, 3, 4], [1, null, 3, 3]])
  })

  it('end where we stopped hearing', () => {
    expect(columns([series([1000, 1])], 0, 9000, 5000)).toEqual([[1, 5], [1, 1]])
  })

  it('leave out what comes after the span', () => {
    expect(columns([series([1000, 1], [9000, 9])], 0, 4000, 4000)).toEqual([[1, 4], [1, 1]])
  })

  it('are empty when nothing is known', () => {
    expect(columns([emptySeries()], 0, 1000, 1000)).toEqual([[], []])
  })

  it('are made once a point, however many there are', () => {
    const many = series(...Array.from({ length: 20_000 }, (_, index): [number, number] => [index * 10, index]))
    const [xs, ys] = columns([many, many], 0, 200_000, 200_000)
    expect(xs).toHaveLength(20_001)
    expect(ys?.at(-1)).toBe(19_999)
  })
})

describe('extent', () => {
  it('ignores gaps', () => {
    expect(extent([null, 3, 1, null])).toEqual({ low: 1, high: 3, last: 1 })
    expect(extent([null])).toBeNull()
  })
})
