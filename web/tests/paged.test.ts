import { describe, expect, it } from 'vitest'
import { Paged } from '../src/lib/paged.svelte'

const settle = () => new Promise((resolve) => setTimeout(resolve, 0))

/** A list of `length` numbers; what was asked for is in `asked`. */
function list(length: number, first = 0) {
  const asked: number[] = []
  return {
    asked,
    fetch: async (offset: number, limit: number) => {
      asked.push(offset)
      const items = Array.from({ length: Math.max(0, Math.min(limit, length - offset)) }, (_, index) => first + offset + index)
      return { items, metadata: { total: length, matching: length, limit, offset } }
    },
  }
}

describe('paged list', () => {
  it('fetches what comes into sight, each page once', async () => {
    const { asked, fetch } = list(100_000)
    const paged = new Paged(fetch)
    paged.want(0, 40)
    await settle()
    expect(paged.matching).toBe(100_000)
    expect(paged.rows[39]).toBe(39)
    paged.want(50_000, 50_040)
    paged.want(50_010, 50_050)
    await settle()
    expect(paged.rows[50_049]).toBe(50_049)
    expect(paged.rows[30_000]).toBeUndefined()
    expect(asked).toEqual([0, 50_000])
  })

  it('fetches what is in sight again after a change, and keeps the rest until then', async () => {
    const { asked, fetch } = list(1_000)
    const paged = new Paged(fetch)
    paged.want(0, 40)
    await settle()
    paged.want(500, 540)
    await settle()
    paged.reload()
    await settle()
    expect(asked).toEqual([0, 500, 500])
    expect(paged.rows[0]).toBe(0)
    paged.want(0, 40)
    await settle()
    expect(asked).toEqual([0, 500, 500, 0])
  })

  it('mixes no rows of two questions', async () => {
    const paged = new Paged(list(1_000).fetch)
    paged.want(0, 40)
    await settle()
    paged.want(500, 540)
    await settle()
    paged.ask(list(1_000, 7_000).fetch)
    await settle()
    expect([paged.rows[0], paged.rows[500]]).toEqual([7_000, undefined])
    paged.ask(list(3, 9_000).fetch)
    await settle()
    expect(paged.rows).toEqual([9_000, 9_001, 9_002])
  })

  it('shows what went wrong and goes on from there', async () => {
    let broken = true
    const good = list(5)
    const paged = new Paged<number>((offset, limit) => (broken ? Promise.reject(new TypeError('gone')) : good.fetch(offset, limit)))
    paged.want(0, 40)
    await settle()
    expect(paged.problem?.code).toBe('PAGE-UNREACHABLE')
    broken = false
    paged.reload()
    await settle()
    expect(paged.problem).toBeNull()
    expect(paged.rows).toEqual([0, 1, 2, 3, 4])
  })
})
