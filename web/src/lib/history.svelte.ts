/** One trend: history of some tags for a span, and what comes live after it. */

import { untrack } from 'svelte'
import { api, asProblem, type HistorySpan, type Problem } from './api'
import { link } from './link.svelte'
import { tags } from './tags.svelte'
import { append, columns, drawable, emptySeries, prune, seriesOf, type Columns, type Series } from './trend'

const MAX_POINTS = 2_000
/** Live points on top of history before the whole is fetched again, thinned by the gateway. */
const LIVE_POINTS = 5_000

export interface Span {
  /** a fixed piece of the past */
  from?: number
  to?: number
  /** or the last `ms` up to now, live */
  ms?: number
  /** how many points of history are asked for at most */
  points?: number
}

export class Trend {
  /** grows when there is something new to draw, at most once a frame */
  version = $state(0)
  loading = $state(true)
  problem = $state.raw<Problem | null>(null)

  #series: Series[]
  #ends: (() => void)[] = []
  #abort = new AbortController()
  #frame = 0
  #livePoints = 0

  constructor(
    readonly paths: string[],
    readonly span: Span,
  ) {
    this.#series = paths.map(emptySeries)
    untrack(() => this.#begin())
  }

  #begin(): void {
    if (this.live) {
      this.#ends.push(link.want(this.paths))
      this.paths.forEach((path, index) => {
        this.#ends.push(tags.watch(path, (t, value, quality) => this.#add(index, t, drawable(value, quality))))
      })
      // What happened while the connection was away is in the history.
      this.#ends.push(link.onConnected(() => void this.load()))
      if (link.state.phase !== 'live') void this.load()
    } else {
      void this.load()
    }
  }

  get live(): boolean {
    return this.span.ms !== undefined
  }

  /** From where to where the chart shows, now. */
  window(): { from: number; to: number } {
    if (this.span.ms === undefined) return { from: this.span.from ?? 0, to: this.span.to ?? 0 }
    const to = link.gatewayNow()
    return { from: to - this.span.ms, to }
  }

  /** The same as parameters for the API, for the download too. */
  historySpan(): HistorySpan {
    const { from, to } = this.window()
    return { from: Math.round(from), to: Math.round(to), maxPoints: this.span.points ?? MAX_POINTS }
  }

  get empty(): boolean {
    return this.#series.every((series) => series.values.every((value) => value === null))
  }

  columns(): Columns {
    const { from, to } = this.window()
    for (const series of this.#series) prune(series, from)
    // A value is known to hold only as long as we hear from the gateway.
    const heard = link.lost ? link.heardAt : to
    return columns(this.#series, from, to, heard)
  }

  async load(): Promise<void> {
    const signal = this.#abort.signal
    const span = this.historySpan()
    const answers = await Promise.allSettled(this.paths.map((path) => api.history(path, span, signal)))
    if (signal.aborted) return
    // One tag without an answer must not hide the others.
    this.#series = answers.map((answer, index) =>
      answer.status === 'fulfilled' ? this.#withLive(seriesOf(answer.value.points), index, span.from) : (this.#series[index] as Series),
    )
    const failed = answers.find((answer) => answer.status === 'rejected')
    this.problem = failed ? asProblem(failed.reason) : null
    this.#livePoints = 0
    this.loading = false
    this.#announce()
  }

  destroy(): void {
    this.#abort.abort()
    for (const end of this.#ends) end()
    cancelAnimationFrame(this.#frame)
  }

  /** Points that came live while the history was under way go behind it. */
  #withLive(series: Series, index: number, from: number): Series {
    if (!this.live) return series
    const path = this.paths[index] as string
    const now = tags.find(path)
    // A tag that has not changed since before the span: its value holds over the whole of it.
    if (series.times.length === 0 && now && now.t <= from && now.record.history) append(series, from, drawable(now.value, now.quality))
    const live = this.#series[index] as Series
    live.times.forEach((t, position) => append(series, t, live.values[position] ?? null))
    return series
  }

  #add(index: number, t: number, value: number | null): void {
    if (!append(this.#series[index] as Series, t, value)) return
    this.#livePoints += 1
    if (this.#livePoints > LIVE_POINTS) {
      this.#livePoints = 0
      void this.load()
    }
    this.#announce()
  }

  #announce(): void {
    if (this.#frame) return
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0
      this.version += 1
    })
  }
}
