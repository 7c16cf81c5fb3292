/**
 * The WebSocket to the gateway: connects, notices silence, reconnects with jittered back-off, renews the subscription.
 * Knows nothing of the page, so that it can be tested with a made-up socket and clock.
 */

import type { ServerMessage, Subscription } from './contract'

/** The gateway says something at least every 2 s; three of these missed and the link counts as dead. */
export const SILENCE_MS = 6_500
export const FIRST_DELAY_MS = 500
export const LONGEST_DELAY_MS = 10_000
/** A connection that lived this long was a good one: the next loss starts again with the shortest delay. */
export const STABLE_MS = 5_000
/** The gateway closes with this code when we read too slowly. */
export const CLOSE_FELL_BEHIND = 4408
/** The session that this page had has ended. */
export const CLOSE_SIGNED_OUT = 4403
/** As many pages are open as the gateway serves. */
export const CLOSE_FULL = 4429

export type LinkPhase = 'connecting' | 'live' | 'waiting'

export interface LinkState {
  phase: LinkPhase
  /** when the last message came, in this machine's time; 0 before the first one */
  heardAt: number
  /** when the next attempt starts, while waiting */
  retryAt: number
  attempts: number
  /** close code of the last loss, 0 for silence or a failed attempt */
  closeCode: number
}

export interface Socket {
  onopen: ((event: never) => unknown) | null
  onmessage: ((event: { data: unknown }) => unknown) | null
  onclose: ((event: { code: number }) => unknown) | null
  onerror: ((event: never) => unknown) | null
  send(data: string): void
  close(): void
}

export interface StreamWorld {
  open(): Socket
  now(): number
  random(): number
  setTimer(callback: () => void, ms: number): number
  clearTimer(id: number): void
}

export interface StreamEvents {
  message(message: ServerMessage): void
  state(state: LinkState): void
}

/** Half fixed, half random: clients that lost the gateway together don't come back together. */
export function retryDelay(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 20))
  return Math.round(ceiling / 2 + (ceiling / 2) * random)
}

export class Stream {
  #socket: Socket | null = null
  #timer: number | null = null
  #openedAt = 0
  #subscription: Subscription | null = null
  #state: LinkState = { phase: 'connecting', heardAt: 0, retryAt: 0, attempts: 0, closeCode: 0 }

  constructor(
    private readonly world: StreamWorld,
    private readonly events: StreamEvents,
  ) {}

  get state(): LinkState {
    return this.#state
  }

  start(): void {
    if (this.#socket === null) this.#connect()
  }

  stop(): void {
    this.#cancelTimer()
    this.#drop()
  }

  /** Try at once instead of waiting out the delay; does nothing while connected or connecting. */
  retryNow(): void {
    if (this.#state.phase === 'waiting') this.#connect()
  }

  subscribe(subscription: Subscription): void {
    this.#subscription = subscription
    if (this.#state.phase === 'live') this.#sendSubscription()
  }

  /** After the machine slept or the tab was frozen: timers may have stood still, so look at once. */
  check(): void {
    if (this.#state.phase === 'live' && this.world.now() - this.#state.heardAt > SILENCE_MS) this.#lose(0)
    else this.retryNow()
  }

  #connect(): void {
    this.#cancelTimer()
    this.#drop()
    this.#set({ phase: 'connecting', retryAt: 0 })
    this.#watch()
    let socket: Socket
    try {
      socket = this.world.open()
    } catch {
      this.#lose(0)
      return
    }
    this.#socket = socket
    socket.onopen = () => {
      this.#openedAt = this.world.now()
    }
    socket.onmessage = (event) => this.#receive(event.data)
    socket.onclose = (event) => this.#lose(event.code)
    // The close event follows every error and carries the code.
    socket.onerror = null
  }

  #receive(data: unknown): void {
    let message: ServerMessage
    try {
      message = JSON.parse(String(data)) as ServerMessage
    } catch {
      this.#lose(0)
      return
    }
    const first = this.#state.phase !== 'live'
    this.#set({ phase: 'live', heardAt: this.world.now() })
    if (first) this.#sendSubscription()
    else if (this.#state.attempts > 0 && this.world.now() - this.#openedAt > STABLE_MS) this.#set({ attempts: 0 })
    this.#watch()
    this.events.message(message)
  }

  #sendSubscription(): void {
    if (this.#subscription) this.#socket?.send(JSON.stringify({ subscribe: this.#subscription }))
  }

  #lose(closeCode: number): void {
    this.#drop()
    const attempts = this.#state.attempts
    const delay = retryDelay(attempts, this.world.random())
    this.#set({ phase: 'waiting', retryAt: this.world.now() + delay, attempts: attempts + 1, closeCode })
    this.#setTimer(() => this.#connect(), delay)
  }

  #watch(): void {
    this.#setTimer(() => this.#lose(0), SILENCE_MS)
  }

  /** A dead peer may never answer our close: stop listening to it, then go on. */
  #drop(): void {
    const socket = this.#socket
    if (socket === null) return
    this.#socket = null
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null
    socket.close()
  }

  #setTimer(callback: () => void, ms: number): void {
    this.#cancelTimer()
    this.#timer = this.world.setTimer(() => {
      this.#timer = null
      callback()
    }, ms)
  }

  #cancelTimer(): void {
    if (this.#timer !== null) this.world.clearTimer(this.#timer)
    this.#timer = null
  }

  #set(change: Partial<LinkState>): void {
    this.#state = { ...this.#state, ...change }
    this.events.state(this.#state)
  }
}
