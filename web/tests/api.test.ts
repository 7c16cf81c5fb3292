import { afterEach, describe, expect, it, vi } from 'vitest'
import { api, asProblem, Problem } from '../src/lib/api'

function answers(...responses: (Response | Error)[]): string[] {
  const asked: string[] = []
  vi.stubGlobal('fetch', (path: string, options: RequestInit) => {
    asked.push(`${options.method} ${path} ${options.body ?? ''}`.trim())
    const next = responses.shift()
    if (next === undefined) throw new Error(`nobody expected ${path}`)
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
  })
  return asked
}

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status })

afterEach(() => vi.unstubAllGlobals())

describe('api', () => {
  it('loads all tags page by page, however few the gateway gives', async () => {
    const row = (path: string) => ({ path })
    const asked = answers(
      json({ items: [row('a'), row('b')], metadata: { total: 3 } }),
      json({ items: [row('c')], metadata: { total: 3 } }),
    )
    expect((await api.allTags()).map((tag) => tag.path)).toEqual(['a', 'b', 'c'])
    expect(asked[1]).toContain('offset=2')
  })

  it('ends when a page is empty, whatever the total claims', async () => {
    answers(json({ items: [], metadata: { total: 5 } }))
    expect(await api.allTags()).toEqual([])
  })

  it('turns a problem document into words', async () => {
    answers(json({ title: 'Not found', detail: 'no such tag', code: 'TAG-404', hint: 'look again' }, 404))
    await expect(api.tag('x')).rejects.toMatchObject({ status: 404, title: 'Not found', detail: 'no such tag', code: 'TAG-404', hint: 'look again' })
  })

  it('never shows a bare status number', async () => {
    answers(new Response('<h1>Bad gateway</h1>', { status: 502 }))
    await expect(api.gateway()).rejects.toMatchObject({ title: 'The gateway refused the request', code: 'HTTP 502' })
  })

  it('names a gateway that does not answer', async () => {
    answers(new TypeError('Failed to fetch'))
    await expect(api.gateway()).rejects.toMatchObject({ code: 'PAGE-UNREACHABLE' })
    expect(asProblem(new DOMException('late', 'TimeoutError')).code).toBe('PAGE-TIMEOUT')
    expect(asProblem(new Problem(1, 'a', 'b', 'c', 'd')).code).toBe('c')
  })

  it('shows the verdict of a command, with any status', async () => {
    answers(json({ outcome: 'failed', code: 'DRV-1', message: 'not connected' }, 502), json({ outcome: 'done', code: '', message: '' }))
    expect(await api.commandReader('gate north', { action: 'wink' })).toEqual({ outcome: 'failed', code: 'DRV-1', message: 'not connected' })
    expect((await api.writeTag('a', true)).outcome).toBe('done')
  })

  it('makes a verdict of a problem document and of no answer', async () => {
    answers(json({ title: 'Sign in', detail: 'You are not signed in.', code: 'WEB-403', hint: 'make a link' }, 403), new TypeError('Failed to fetch'))
    expect(await api.writeTag('a', 1)).toEqual({ outcome: 'refused', code: 'WEB-403', message: 'You are not signed in. make a link' })
    expect(await api.writeTag('a', 1)).toMatchObject({ outcome: 'failed', code: 'PAGE-UNREACHABLE' })
  })

  it('escapes names', async () => {
    const asked = answers(json({ outcome: 'done', code: '', message: '' }))
    await api.commandReader('a/b c', { action: 'deny' })
    expect(asked[0]).toBe('POST /api/v1/readers/a%2Fb%20c/commands {"action":"deny"}')
    expect(api.historyCsvUrl('[default]A & B', { from: 1, to: 2 })).toBe('/api/v1/history?path=%5Bdefault%5DA+%26+B&from=1&to=2&format=csv')
  })
})
