import { describe, expect, it } from 'vitest'
import type { Port, PortOwner } from '../src/lib/contract'
import { changeWords, explainCommand, KEPT_CHANGES, keepChanges, portChanges, type PortChange } from '../src/lib/portchanges'

const owner = (pid: number, name: string): PortOwner => ({ pid, name, user: null, command: null })
const port = (change: Partial<Port> = {}): Port => ({
  name: 'https', instance: '', port: 8043, host: '127.0.0.1', transport: 'tcp', direction: 'listen', protocol: 'HTTPS', purpose: '', required: 'yes',
  key: 'gateway.sslport', source: 'default', state: 'LISTENING', owner: owner(7, 'plantgate'), reason: '', next_step: '', connections: 0, command: '', ...change,
})
const words = (before: Port[], now: Port[]) => portChanges(before, now, 5).map(changeWords)

describe('changes of ports', () => {
  it('are told when a port opens, closes, moves or changes its holder', () => {
    const closed = port({ state: 'CLOSED', owner: null })
    expect(words([closed], [port()])).toEqual(['opened: plantgate (pid 7)'])
    expect(words([port()], [closed])).toEqual(['closed, was plantgate (pid 7)'])
    expect(words([port()], [port({ port: 8044 })])).toEqual(['moved to port 8044, was port 8043'])
    expect(words([port({ state: 'TAKEN', owner: owner(4, 'nginx') })], [port()])).toEqual(['now held by plantgate (pid 7), was nginx (pid 4)'])
    const taken = port({ state: 'TAKEN', owner: owner(4, 'nginx') })
    const letGo = port({ state: 'TAKEN', owner: null })
    expect([...words([taken], [letGo]), ...words([letGo], [port()])]).toEqual(['closed, was nginx (pid 4)', 'opened: plantgate (pid 7)'])
    expect(words([port({ direction: 'connect', state: 'CONNECTED', owner: null })], [port({ direction: 'connect', state: 'CLOSED', owner: null })])).toEqual(['closed, was connected'])
  })

  it('are none for counts, words and new rows', () => {
    expect(words([port()], [port({ connections: 9, reason: 'x' })])).toEqual([])
    expect(words([], [port()])).toEqual([])
    expect(words([port({ instance: 'a' })], [port({ instance: 'b', state: 'CLOSED' })])).toEqual([])
  })

  it('tell a listener from a device of the same name', () => {
    const listener = port({ name: 'modbus', state: 'CLOSED', owner: null })
    const device = port({ name: 'modbus', direction: 'connect', state: 'CONNECTED', owner: null })
    expect(words([listener, device], [listener, device])).toEqual([])
  })

  it('stand newest first and are bounded', () => {
    const one = (t: number): PortChange => ({ t, kind: 'opened', id: 'http', port: 1, now: '', before: '' })
    expect(keepChanges([one(2), one(3)], [one(1)]).map((change) => change.t)).toEqual([3, 2, 1])
    const many = Array.from({ length: 500 }, (_, t) => one(t))
    expect(keepChanges(many, many)).toHaveLength(KEPT_CHANGES)
    const kept = [one(1)]
    expect(keepChanges([], kept)).toBe(kept)
  })

  it('explain themselves in a command that can be pasted', () => {
    expect(explainCommand(port(), '/srv/plant')).toBe('plantgate ports explain 8043 --data /srv/plant')
    expect(explainCommand(port({ port: 0 }), 'C:\\Plant 1')).toBe('plantgate ports explain https --data "C:\\Plant 1"')
    expect(explainCommand(port(), '')).toBe('plantgate ports explain 8043')
  })
})
