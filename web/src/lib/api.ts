/** The REST side of the contract. Every call ends: in an answer, or in a `Problem` that can be shown. */

import type {
  BadgeEvent, Gateway, History, Listing, Part, Port, Reader, ReaderCommand, Session, TagRecord, Value, Verdict,
} from './contract'

const DEADLINE_MS = 15_000
/** Rows asked for at once when all tags are loaded. */
const TAG_PAGE = 1000

/** What went wrong, what it means, what to do (application/problem+json, or our own words when there was no answer). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly code: string,
    readonly hint: string,
    /** the whole answer: some problems list what is wrong row by row */
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail || title)
    this.name = 'Problem'
  }
}

/** Anything that was thrown, as a `Problem`. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new Problem(0, 'No answer in time', `The gateway did not answer within ${DEADLINE_MS / 1000} s.`, 'PAGE-TIMEOUT',
      'Check that the gateway process runs and is not overloaded, then try again.')
  }
  if (error instanceof TypeError) {
    return new Problem(0, 'The gateway can’t be reached', 'The request got no answer.', 'PAGE-UNREACHABLE',
      'Check that the gateway runs and that this machine reaches it, then try again.')
  }
  return new Problem(0, 'Unexpected answer', error instanceof Error ? error.message : String(error), 'PAGE-UNEXPECTED',
    'Reload the page. If it stays, look into logs/wrapper.log of the gateway.')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>
  return new Problem(
    response.status,
    text(body['title']) || 'The gateway refused the request',
    text(body['detail']) || text(body['message']) || 'It gave no reason.',
    text(body['code']) || `HTTP ${response.status}`,
    text(body['hint']),
    body,
  )
}

export interface AskOptions {
  signal?: AbortSignal | undefined
  /** the revision that was seen: the gateway refuses (412) when the data has changed since */
  revision?: number | undefined
  /** a large file takes longer than a question */
  deadlineMs?: number
}

async function request(method: string, path: string, body?: unknown, options: AskOptions = {}): Promise<Response> {
  const { signal, revision } = options
  const deadline = AbortSignal.timeout(options.deadlineMs ?? DEADLINE_MS)
  const file = body instanceof Blob
  const headers: Record<string, string> = {}
  if (body !== undefined && !file) headers['Content-Type'] = 'application/json'
  if (revision !== undefined) headers['If-Match'] = `"${revision}"`
  return fetch(path, {
    method,
    signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    credentials: 'same-origin',
    cache: 'no-store',
    headers,
    ...(body === undefined ? {} : { body: file ? body : JSON.stringify(body) }),
  })
}

/** Asks for JSON; a `Blob` as the body is sent as it is. */
export async function ask<T>(method: string, path: string, body?: unknown, options: AskOptions = {}): Promise<T> {
  try {
    const response = await request(method, path, body, options)
    if (!response.ok) throw await problemOf(response)
    return (response.status === 204 ? undefined : await response.json()) as T
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw asProblem(error)
  }
}

/** A command's verdict comes with several status codes (done 200, refused 403, unknown 404, failed 502): all are answers. */
async function command(path: string, body: unknown): Promise<Verdict> {
  try {
    const response = await request('POST', path, body)
    const answer = (await response.json()) as Record<string, unknown>
    const outcome = answer['outcome']
    if (outcome === 'done' || outcome === 'refused' || outcome === 'failed') return answer as unknown as Verdict
    const words = [text(answer['detail']) || text(answer['title']), text(answer['hint'])].filter(Boolean).join(' ')
    return { outcome: response.status === 403 ? 'refused' : 'failed', code: text(answer['code']), message: words }
  } catch (error) {
    const problem = asProblem(error)
    return { outcome: 'failed', code: problem.code, message: `${problem.detail} ${problem.hint}` }
  }
}

export function query(parameters: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) search.set(name, String(value))
  return search.toString()
}

/** The same without those that are empty. */
export function filled(parameters: Record<string, string | number | undefined>): string {
  return query(Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== '')))
}

export interface HistorySpan {
  from: number
  to: number
  maxPoints?: number
}

export const api = {
  session: () => ask<Session>('GET', '/api/v1/session'),
  signIn: (token: string) => ask<Session>('POST', '/api/v1/session', { token }),
  signOut: () => ask<unknown>('DELETE', '/api/v1/session'),
  gateway: () => ask<Gateway>('GET', '/api/v1/gateway'),
  status: () => ask<Listing<Part>>('GET', '/api/v1/status'),
  tag: (path: string, signal?: AbortSignal) => ask<TagRecord>('GET', `/api/v1/tags/value?${query({ path })}`, undefined, { signal }),
  readers: () => ask<Listing<Reader>>('GET', '/api/v1/readers'),
  ports: () => ask<Listing<Port>>('GET', '/api/v1/ports'),

  /** Every tag, page by page; the gateway may give fewer rows a page than asked. */
  async allTags(): Promise<TagRecord[]> {
    const all: TagRecord[] = []
    for (;;) {
      const page = await ask<Listing<TagRecord>>('GET', `/api/v1/tags?${query({ sort: 'path', limit: TAG_PAGE, offset: all.length })}`)
      all.push(...page.items)
      if (page.items.length === 0 || all.length >= page.metadata.total) return all
    }
  },

  badgeEvents: (limit: number, before?: number) =>
    ask<Listing<BadgeEvent>>('GET', `/api/v1/badge-events?${query({ limit, before })}`),

  history: (path: string, span: HistorySpan, signal?: AbortSignal) =>
    ask<History>('GET', `/api/v1/history?${query({ path, from: span.from, to: span.to, max_points: span.maxPoints, seed: 'true' })}`, undefined, { signal }),

  historyCsvUrl: (path: string, span: HistorySpan) => `/api/v1/history?${query({ path, from: span.from, to: span.to, format: 'csv' })}`,

  writeTag: (path: string, value: Value) => command('/api/v1/tags/write', { path, value }),
  commandReader: (reader: string, wanted: ReaderCommand) =>
    command(`/api/v1/readers/${encodeURIComponent(reader)}/commands`, wanted),
}
