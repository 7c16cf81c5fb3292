/** Lists of events, newest first, without doubles and without hidden holes. Pure. */

import type { BadgeEvent } from './contract'

/** Bounds the memory of a page that is open for weeks; what falls off is loaded again on scrolling. */
export const FEED_LIMIT = 10_000

export function addLive(events: BadgeEvent[], event: BadgeEvent): BadgeEvent[] {
  const newest = events[0]
  if (newest === undefined || event.id > newest.id) return [event, ...events].slice(0, FEED_LIMIT)
  if (events.some((known) => known.id === event.id)) return events
  return [...events, event].sort((a, b) => b.id - a.id)
}

/**
 * A fresh page of the newest events onto what is known. Where the page doesn't reach what is known, events are
 * missing in between: the old ones are let go (`gap`), so that paging backward loads everything in order.
 */
export function addNewest<T extends { id: number }>(events: T[], page: T[]): { events: T[]; gap: boolean } {
  const oldest = page.at(-1)
  const newest = events[0]
  if (oldest === undefined) return { events, gap: false }
  // Events that came live while the page was under way belong in front of it.
  const fresher = events.filter((event) => event.id > (page[0]?.id ?? 0))
  if (newest === undefined || oldest.id > newest.id + 1) return { events: page, gap: newest !== undefined }
  const older = events.filter((event) => event.id < oldest.id)
  return { events: [...fresher, ...page, ...older].slice(0, FEED_LIMIT), gap: false }
}

export function addOlder<T extends { id: number }>(events: T[], page: T[]): T[] {
  const last = events.at(-1)
  return [...events, ...page.filter((event) => last === undefined || event.id < last.id)]
}

export interface FeedFilter {
  text: string
  verdict: string
  reader: string
}

export function filterFeed(events: BadgeEvent[], filter: FeedFilter): BadgeEvent[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0 && !filter.verdict && !filter.reader) return events
  return events.filter((event) => {
    if (filter.verdict && event.verdict !== filter.verdict) return false
    if (filter.reader && event.reader !== filter.reader) return false
    const haystack = `${event.uid} ${event.holder} ${event.reader} ${event.door} ${event.reason}`.toLowerCase()
    return words.every((word) => haystack.includes(word))
  })
}

/** What is said of badges that have just come. */
export function badgeSentence(events: BadgeEvent[]): string {
  const last = events.at(-1)
  if (events.length === 1 && last) return `${last.verdict === 'denied' ? 'Denied' : 'Accepted'}: ${last.holder || 'unknown card'} at ${last.reader}`
  const denied = events.filter((event) => event.verdict === 'denied').length
  return `${events.length} badges, ${denied} denied`
}
