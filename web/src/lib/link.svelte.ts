/** The one connection of this page: its state for the frame, the gateway's clock, and who listens to what. */

import type { ServerMessage, Subscription } from './contract'
import { Stream, type LinkState, type Socket } from './stream'

type Handler<K extends ServerMessage['type']> = (message: Extract<ServerMessage, { type: K }>) => void

/** A reload right after a loss should not flash the banner for a first connection that takes a moment. */
const FIRST_CONNECT_GRACE_MS = 2_500

class Link {
  /** Changes with every message: read it only where the age of the data is shown. */
  state = $state.raw<LinkState>({ phase: 'connecting', heardAt: 0, retryAt: 0, attempts: 0, closeCode: 0 })
  /** This machine's time, once a second, for ages and countdowns. */
  tick = $state(Date.now())
  /** True while what is shown may be old: the connection was lost, or never came up. */
  lost = $state(false)

  #offset = 0
  #startedAt = Date.now()
  #handlers = new Map<ServerMessage['type'], Set<(message: never) => void>>()
  #connected = new Set<() => void>()
  #failed = new Set<() => void>()
  #wants = new Map<symbol, 'all' | string[]>()
  #sent = ''
  #planned = false
  #live = false

  #stream = new Stream(
    {
      open: () => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/stream`) as unknown as Socket,
      now: Date.now,
      random: Math.random,
      setTimer: (callback, ms) => window.setTimeout(callback, ms),
      clearTimer: (id) => window.clearTimeout(id),
    },
    { message: (message) => this.#dispatch(message), state: (state) => this.#changed(state) },
  )

  start(): void {
    this.#plan()
    this.#stream.start()
    window.setInterval(() => {
      this.tick = Date.now()
      this.#judge()
    }, 1000)
    window.addEventListener('online', () => this.#stream.check())
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#stream.check()
    })
    window.addEventListener('pagehide', () => this.#stream.stop())
    // A page that comes back from the browser's back/forward cache has lost its socket.
    window.addEventListener('pageshow', (event) => {
      if (event.persisted) this.#stream.start()
    })
  }

  retryNow(): void {
    this.#stream.retryNow()
  }

  /** The gateway's time now, in its own clock: ages must not depend on the clock of this machine. */
  gatewayNow(): number {
    return Date.now() + this.#offset
  }

  /** The same, re-read once a second by whatever shows it; ages stand still at the moment of loss plus time passed. */
  get now(): number {
    return this.tick + this.#offset
  }

  /** When the last message came, in the gateway's clock: what was good then is as old as that. */
  get heardAt(): number {
    return this.state.heardAt + this.#offset
  }

  on<K extends ServerMessage['type']>(type: K, handler: Handler<K>): () => void {
    const handlers = this.#handlers.get(type) ?? new Set()
    this.#handlers.set(type, handlers)
    handlers.add(handler as (message: never) => void)
    return () => void handlers.delete(handler as (message: never) => void)
  }

  /** Called after each (re)connection, and at once if connected: load what the stream doesn't carry. */
  onConnected(handler: () => void): () => void {
    this.#connected.add(handler)
    if (this.#live) handler()
    return () => void this.#connected.delete(handler)
  }

  /** Called each time the connection is lost or an attempt fails. */
  onLost(handler: () => void): () => void {
    this.#failed.add(handler)
    return () => void this.#failed.delete(handler)
  }

  /** Ask for live values while a page is open. The returned function ends it. */
  want(tags: 'all' | string[]): () => void {
    const key = Symbol()
    this.#wants.set(key, tags)
    this.#plan()
    return () => {
      this.#wants.delete(key)
      this.#plan()
    }
  }

  /** A page that closes and one that opens in the same turn make one message. */
  #plan(): void {
    if (this.#planned) return
    this.#planned = true
    queueMicrotask(() => {
      this.#planned = false
      const wants = [...this.#wants.values()]
      const tags = wants.includes('all') ? 'all' : [...new Set((wants as string[][]).flat())].sort()
      const subscription: Subscription = { tags, badges: true, status: true, access: true, alarms: true, configuration: true }
      const text = JSON.stringify(subscription)
      if (text === this.#sent) return
      this.#sent = text
      this.#stream.subscribe(subscription)
    })
  }

  #changed(state: LinkState): void {
    const wasLive = this.#live
    const failed = state.phase === 'waiting' && this.state.phase !== 'waiting'
    this.#live = state.phase === 'live'
    this.state = state
    this.#judge()
    if (this.#live && !wasLive) for (const handler of this.#connected) handler()
    if (failed) for (const handler of this.#failed) handler()
  }

  #judge(): void {
    const waited = Date.now() - this.#startedAt > FIRST_CONNECT_GRACE_MS
    this.lost = this.state.phase !== 'live' && (this.state.heardAt > 0 || this.state.attempts > 0 || waited)
  }

  #dispatch(message: ServerMessage): void {
    if ('now' in message) this.#offset = message.now - Date.now()
    for (const handler of this.#handlers.get(message.type) ?? []) handler(message as never)
  }
}

export const link = new Link()
