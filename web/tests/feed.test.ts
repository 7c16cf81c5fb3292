import { describe, expect, it } from 'vitest'
import type { BadgeEvent } from '../src/lib/contract'
import { addLive, addNewest, addOlder, FEED_LIMIT, filterFeed } from '../src/lib/feed'

const event = (id: number, change: Partial<BadgeEvent> = {}): BadgeEvent => ({
  id, reader: 'entrance', uid: '…AB12', card: 'c0', last4: 'AB12', holder: 'Ada', holder_id: '17', t: id, verdict: 'accepted', why: 'rule', reason: '', rule: '', enters: '', leaves: '', remark: '', door: '', latency_ms: 1, reply_error: '', ...change,
})
const ids = (events: BadgeEvent[]) => events.map(({ id }) => id)
const run = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => event(from - index))

describe('badge feed', () => {
  it('puts a live event in front, once', () => {
    const feed = addLive(run(3, 1), event(4))
    expect(ids(feed)).toEqual([4, 3, 2, 1])
    expect(addLive(feed, event(4))).toBe(feed)
  })

  it('puts a late one where it belongs', () => {
    expect(ids(addLive([event(5), event(3)], event(4)))).toEqual([5, 4, 3])
  })

  it('is bounded', () => {
    expect(addLive(run(FEED_LIMIT, 1), event(FEED_LIMIT + 1))).toHaveLength(FEED_LIMIT)
  })

  it('joins a fresh page that reaches what is known', () => {
    expect(addNewest(run(5, 1), run(8, 4))).toEqual({ events: run(8, 1), gap: false })
    expect(addNewest(run(5, 1), run(8, 6))).toEqual({ events: run(8, 1), gap: false })
  })

  it('lets old events go rather than hide a hole', () => {
    expect(addNewest(run(5, 1), run(20, 10))).toEqual({ events: run(20, 10), gap: true })
  })

  it('keeps events that came live while the page was under way', () => {
    expect(ids(addNewest([event(9)], run(8, 6)).events)).toEqual([9, 8, 7, 6])
  })

  it('keeps what is known when the journal answers with nothing', () => {
    expect(addNewest(run(2, 1), [])).toEqual({ events: run(2, 1), gap: false })
  })

  it('adds older pages without doubles', () => {
    expect(ids(addOlder(run(6, 4), run(4, 2)))).toEqual([6, 5, 4, 3, 2])
  })

  it('filters by words, verdict and reader', () => {
    const feed = [event(3, { verdict: 'denied', holder: '', uid: 'FF00' }), event(2, { reader: 'gate' }), event(1)]
    expect(ids(filterFeed(feed, { text: '', verdict: '', reader: '' }))).toEqual([3, 2, 1])
    expect(ids(filterFeed(feed, { text: 'ff0', verdict: '', reader: '' }))).toEqual([3])
    expect(ids(filterFeed(feed, { text: 'gate ADA', verdict: '', reader: '' }))).toEqual([2])
    expect(ids(filterFeed(feed, { text: '', verdict: 'denied', reader: '' }))).toEqual([3])
    expect(ids(filterFeed(feed, { text: '', verdict: 'accepted', reader: 'entrance' }))).toEqual([1])
  })
})
