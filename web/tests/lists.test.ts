import { describe, expect, it } from 'vitest'
import type { Part, Port } from '../src/lib/contract'
import { sickFirst, summarise } from '../src/lib/parts'
import { needsAttention, ownerText, searchPorts, sortPorts } from '../src/lib/ports'
import { qualityLevel, qualityWord } from '../src/lib/quality'
import { onlyAbnormal, parseSort, parseTyped, search, sorted, sortText, type Listed } from '../src/lib/taglist'

const tag = (path: string, change: Partial<Listed> = {}): Listed => ({ path, haystack: path.toLowerCase(), value: 0, quality: 192, t: 0, ...change })
const paths = (rows: Listed[]) => rows.map((row) => row.path)

describe('tag table', () => {
  const rows = [tag('A/Level', { value: 3, t: 1 }), tag('A/Speed', { value: 'x', quality: 522, t: 3 }), tag('B/Level', { value: null, quality: 256, t: 2 }), tag('C', { value: true })]

  it('finds every word in any order', () => {
    expect(paths(search(rows, 'LEV a'))).toEqual(['A/Level'])
    expect(search(rows, '  ')).toBe(rows)
    expect(search(rows, 'nothing')).toEqual([])
  })

  it('sorts, and keeps the order of paths between equals', () => {
    expect(paths(sorted(rows, { key: 'path', down: true }))).toEqual(['C', 'B/Level', 'A/Speed', 'A/Level'])
    expect(paths(sorted(rows, { key: 'quality', down: false }))).toEqual(['A/Speed', 'B/Level', 'A/Level', 'C'])
    expect(paths(sorted(rows, { key: 'value', down: false }))).toEqual(['C', 'A/Level', 'A/Speed', 'B/Level'])
    expect(paths(sorted(rows, { key: 'changed', down: false }))).toEqual(['A/Speed', 'B/Level', 'A/Level', 'C'])
    expect(paths(onlyAbnormal(rows))).toEqual(['A/Speed', 'B/Level'])
  })

  it('keeps its order in the address', () => {
    for (const text of ['', 'value', '-value', '-path', 'quality', '-changed']) expect(sortText(parseSort(text))).toBe(text)
    expect(parseSort('nonsense')).toEqual({ key: 'path', down: false })
    expect(parseSort(null)).toEqual({ key: 'path', down: false })
  })

  it('handles 20,000 rows', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => tag(`Area/Value ${index}`, { value: index % 97 }))
    expect(sorted(search(many, 'value 1'), { key: 'value', down: true })[0]?.value).toBe(96)
  })
})

describe('typed values', () => {
  it('follow the data type', () => {
    expect(parseTyped('250,5', 'Float4')).toEqual({ ok: true, value: 250.5 })
    expect(parseTyped(' 7 ', 'Int2')).toEqual({ ok: true, value: 7 })
    expect(parseTyped('true', 'Boolean')).toEqual({ ok: true, value: true })
    expect(parseTyped(' a ', 'String')).toEqual({ ok: true, value: ' a ' })
  })

  it('are refused in words', () => {
    expect(parseTyped('7.5', 'Int2')).toMatchObject({ ok: false })
    expect(parseTyped('', 'Float4')).toMatchObject({ ok: false })
    expect(parseTyped('12abc', 'Float8')).toMatchObject({ ok: false })
    expect(parseTyped('9007199254740993', 'Int8')).toMatchObject({ ok: false })
  })
})

describe('quality', () => {
  it('has four levels and a word for every code', () => {
    expect([0, 255, 256, 511, 512, 767, 768, 1023].map(qualityLevel)).toEqual(['good', 'good', 'uncertain', 'uncertain', 'bad', 'bad', 'error', 'error'])
    expect(qualityWord(522)).toBe('Not connected')
    expect(qualityWord(600)).toBe('Bad 600')
  })
})

const part = (name: string, change: Partial<Part> = {}): Part => ({ kind: 'device', name, health: 'ok', state: 'connected', since: 0, reason: '', next_step: '', details: {}, ...change })

describe('parts', () => {
  it('stand with the sick ones first', () => {
    const order = sickFirst([part('off', { health: 'disabled' }), part('b'), part('web', { kind: 'listener' }), part('sick', { kind: 'store', health: 'failed' }), part('a'), part('new', { health: 'starting' })])
    expect(order.map(({ name }) => name)).toEqual(['sick', 'new', 'web', 'a', 'b', 'off'])
  })

  it('are summed up in one sentence', () => {
    expect(summarise([part('a')], 'RUNNING')).toEqual({ health: 'ok', sentence: 'Everything is running' })
    expect(summarise([part('a', { health: 'starting' })], 'RUNNING').sentence).toBe('Starting: a')
    expect(summarise([], 'STARTING').sentence).toBe('The gateway is starting')
    expect(summarise([part('a', { health: 'failed', reason: 'port taken' })], 'RUNNING')).toEqual({ health: 'failed', sentence: '1 problem: a: port taken' })
    expect(summarise([part('a', { health: 'failed', state: 'lost' }), part('b', { health: 'failed' })], 'RUNNING').sentence).toBe('2 problems: a: lost …')
    expect(summarise([part('a')], 'STOPPING').sentence).toBe('The gateway is stopping')
  })
})

const port = (number: number, change: Partial<Port> = {}): Port => ({
  name: `p${number}`, instance: '', port: number, host: '127.0.0.1', transport: 'tcp', direction: 'listen', protocol: 'HTTP', purpose: '', required: 'yes', key: 'gateway.port',
  source: 'default', state: 'LISTENING', owner: null, reason: '', next_step: '', connections: 0, command: '', ...change,
})

describe('ports', () => {
  it('stand with conflicts on top and disabled ones last', () => {
    const order = sortPorts([port(1, { state: 'DISABLED' }), port(5, { direction: 'connect', state: 'CONNECTED' }), port(9), port(8, { state: 'CLOSED', reason: 'refused' }), port(99, { state: 'TAKEN' })])
    expect(order.map((one) => one.port)).toEqual([99, 8, 9, 5, 1])
  })

  it('ask for attention only where something can be done', () => {
    expect(needsAttention(port(1, { state: 'DISABLED', reason: 'off in the configuration' }))).toBe(false)
    expect(needsAttention(port(1, { state: 'TAKEN' }))).toBe(true)
    expect(needsAttention(port(1))).toBe(false)
  })

  it('name their owner as far as it is known', () => {
    expect(ownerText(port(1))).toBe('–')
    expect(ownerText(port(1, { state: 'TAKEN' }))).toMatch(/administrator/)
    expect(ownerText(port(1, { owner: { pid: 4, name: 'java', user: 'ign', command: null } }))).toBe('java (pid 4, user ign)')
    expect(ownerText(port(1, { owner: { pid: null, name: null, user: null, command: null } }))).toBe('unknown process')
  })

  it('are found by number and words', () => {
    expect(searchPorts([port(8088), port(502)], '80').map((one) => one.port)).toEqual([8088])
  })
})
