import { describe, expect, it } from 'vitest'
import type { ServerMessage } from '../src/lib/contract'
import {
  CLOSE_FELL_BEHIND, FIRST_DELAY_MS, LONGEST_DELAY_MS, retryDelay, SILENCE_MS, STABLE_MS, Stream, type LinkState, type Socket,
} from '../src/lib/stream'

class MadeUpSocket implements Socket {
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  onerror: Socket['onerror'] = null
  sent: unknown[] = []
  closed = false

  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }

  close(): void {
    this.closed = true
  }

  say(message: ServerMessage | string): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) })
  }
}

/** A clock that only moves when told, and every socket that was opened. */
class World {
  time = 1_000_000
  chance = 1
  refuse = false
  sockets: MadeUpSocket[] = []
  #timers = new Map<number, { at: number; run: () => void }>()
  #next = 1

  open = () => {
    if (this.refuse) throw new Error('refused')
    const socket = new MadeUpSocket()
    this.sockets.push(socket)
    return socket
  }
  now = () => this.time
  random = () => this.chance
  setTimer = (run: () => void, ms: number) => {
    this.#timers.set(this.#next, { at: this.time + ms, run })
    return this.#next++
  }
  clearTimer = (id: number) => void this.#timers.delete(id)

  get timers(): number {
    return this.#timers.size
  }

  get socket(): MadeUpSocket {
    return this.sockets.at(-1) as MadeUpSocket
  }

  pass(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0]
      if (!due) break
      this.#timers.delete(due[0])
      this.time = due[1].at
      due[1].run()
    }
    this.time = end
  }
}

const HELLO: ServerMessage = { type: 'hello', gateway: 'g', now: 1, version: '1' }
const PING: ServerMessage = { type: 'ping', now: 2 }
const ALL = { tags: 'all' as const, badges: true, status: true, access: true, alarms: true, configuration: true }

function made() {
  const world = new World()
  const messages: ServerMessage[] = []
  const states: LinkState[] = []
  const stream = new Stream(world, { message: (message) => messages.push(message), state: (state) => states.push(state) })
  return { world, messages, states, stream }
}

describe('back-off', () => {
  it('grows up to its ceiling and is at least half of it', () => {
    expect(retryDelay(0, 0)).toBe(FIRST_DELAY_MS / 2)
    expect(retryDelay(0, 1)).toBe(FIRST_DELAY_MS)
    expect(retryDelay(3, 1)).toBe(FIRST_DELAY_MS * 8)
    expect(retryDelay(1000, 1)).toBe(LONGEST_DELAY_MS)
    expect(retryDelay(1000, 0)).toBe(LONGEST_DELAY_MS / 2)
  })
})

describe('stream', () => {
  it('is live with the first message and then subscribes', () => {
    const { world, messages, stream } = made()
    stream.subscribe(ALL)
    stream.start()
    expect(stream.state.phase).toBe('connecting')
    world.socket.say(HELLO)
    expect(stream.state).toMatchObject({ phase: 'live', heardAt: world.time })
    expect(world.socket.sent).toEqual([{ subscribe: ALL }])
    expect(messages).toEqual([HELLO])
  })

  it('sends a changed subscription at once, and the latest one after a reconnection', () => {
    const { world, stream } = made()
    stream.start()
    world.socket.say(HELLO)
    expect(world.socket.sent).toEqual([])
    stream.subscribe({ ...ALL, tags: ['a'] })
    stream.subscribe({ ...ALL, tags: ['b'] })
    world.socket.onclose?.({ code: 1006 })
    world.pass(FIRST_DELAY_MS)
    world.socket.say(HELLO)
    expect(world.sockets).toHaveLength(2)
    expect(world.socket.sent).toEqual([{ subscribe: { ...ALL, tags: ['b'] } }])
  })

  it('reconnects after being told that it fell behind, and says why', () => {
    const { world, stream } = made()
    stream.start()
    world.socket.say(HELLO)
    world.socket.onclose?.({ code: CLOSE_FELL_BEHIND })
    expect(stream.state).toMatchObject({ phase: 'waiting', closeCode: CLOSE_FELL_BEHIND, retryAt: world.time + FIRST_DELAY_MS })
    world.pass(FIRST_DELAY_MS)
    world.socket.say(HELLO)
    expect(stream.state.phase).toBe('live')
  })

  it('takes silence for a loss and stops listening to the silent socket', () => {
    const { world, messages, stream } = made()
    stream.start()
    const silent = world.socket
    silent.say(HELLO)
    world.pass(SILENCE_MS - 1)
    expect(stream.state.phase).toBe('live')
    silent.say(PING)
    world.pass(SILENCE_MS)
    expect(stream.state.phase).toBe('waiting')
    expect(silent.closed).toBe(true)
    silent.say(PING)
    expect(messages).toEqual([HELLO, PING])
  })

  it('gives up an attempt that gets no answer', () => {
    const { world, stream } = made()
    stream.start()
    world.pass(SILENCE_MS)
    expect(stream.state).toMatchObject({ phase: 'waiting', attempts: 1, heardAt: 0 })
  })

  it('waits longer after each failed attempt, and short again after a stable connection', () => {
    const { world, stream } = made()
    stream.start()
    const waits: number[] = []
    for (let attempt = 0; attempt < 7; attempt += 1) {
      world.socket.onclose?.({ code: 1006 })
      waits.push(stream.state.retryAt - world.time)
      world.pass(waits.at(-1) as number)
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000])
    world.socket.onopen?.(undefined as never)
    world.socket.say(HELLO)
    world.pass(STABLE_MS + 1)
    world.socket.say(PING)
    world.socket.onclose?.({ code: 1006 })
    expect(stream.state.retryAt - world.time).toBe(FIRST_DELAY_MS)
  })

  it('does not start over with short delays when connections break at once', () => {
    const { world, stream } = made()
    stream.start()
    for (let round = 0; round < 3; round += 1) {
      world.socket.onopen?.(undefined as never)
      world.socket.say(HELLO)
      world.socket.onclose?.({ code: CLOSE_FELL_BEHIND })
      world.pass(stream.state.retryAt - world.time)
    }
    expect(stream.state.attempts).toBe(3)
  })

  it('survives a socket that can’t even be made, and tries on demand', () => {
    const { world, stream } = made()
    world.refuse = true
    stream.start()
    expect(stream.state.phase).toBe('waiting')
    world.refuse = false
    stream.retryNow()
    expect(world.sockets).toHaveLength(1)
    stream.retryNow()
    expect(world.sockets).toHaveLength(1)
  })

  it('treats what is not JSON as a broken connection', () => {
    const { world, stream } = made()
    stream.start()
    world.socket.say('{"type":')
    expect(stream.state.phase).toBe('waiting')
  })

  it('notices after a sleep of the machine that the link is old', () => {
    const { world, stream } = made()
    stream.start()
    world.socket.say(HELLO)
    world.time += 60_000
    stream.check()
    expect(stream.state.phase).toBe('waiting')
    stream.check()
    expect(stream.state.phase).toBe('connecting')
  })

  it('leaves nothing behind when stopped', () => {
    const { world, stream } = made()
    stream.start()
    world.socket.say(HELLO)
    stream.stop()
    expect(world.timers).toBe(0)
    expect(world.socket.closed).toBe(true)
  })
})
