/** Search and order of the tag table. Pure, and quick enough for tens of thousands of rows. */

import { qualityLevel } from './quality'
import type { Value } from './contract'
import { elementType, isArrayType, isDocumentType } from './values'

export interface Listed {
  path: string
  haystack: string
  value: Value
  quality: number
  t: number
}

export type SortKey = 'path' | 'value' | 'quality' | 'changed'
export interface Sort {
  key: SortKey
  down: boolean
}

export function parseSort(text: string | null): Sort {
  const down = text?.startsWith('-') ?? false
  const key = down ? text?.slice(1) : text
  return key === 'value' || key === 'quality' || key === 'changed' ? { key, down } : { key: 'path', down }
}

export function sortText(sort: Sort): string {
  return sort.key === 'path' && !sort.down ? '' : `${sort.down ? '-' : ''}${sort.key}`
}

/** Every word must occur somewhere; the order of words doesn't matter. */
export function search<T extends { haystack: string }>(rows: T[], text: string): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return rows
  return rows.filter((row) => words.every((word) => row.haystack.includes(word)))
}

export function onlyAbnormal<T extends { quality: number }>(rows: T[]): T[] {
  return rows.filter((row) => qualityLevel(row.quality) !== 'good')
}

/** Numbers and booleans before words, then arrays by their length, nothing last. */
function compareValues(a: Value, b: Value): number {
  const rank = (value: Value) => (value === null ? 3 : Array.isArray(value) ? 2 : typeof value === 'string' ? 1 : 0)
  const difference = rank(a) - rank(b)
  if (difference !== 0) return difference
  if (Array.isArray(a) && Array.isArray(b)) return a.length - b.length
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  return Number(a) - Number(b)
}

const COMPARE: Record<SortKey, (a: Listed, b: Listed) => number> = {
  path: () => 0,
  value: (a, b) => compareValues(a.value, b.value),
  // Rising means the worst first: that is what one sorts by quality for.
  quality: (a, b) => b.quality - a.quality,
  changed: (a, b) => b.t - a.t,
}

/** `rows` come in the order of their paths, which also decides between equals (sorting is stable). */
export function sorted<T extends Listed>(rows: T[], sort: Sort): T[] {
  if (sort.key === 'path') return sort.down ? [...rows].reverse() : rows
  const compare = COMPARE[sort.key]
  const sign = sort.down ? -1 : 1
  return [...rows].sort((a, b) => sign * compare(a, b))
}

/** A write as it was typed, for the tag's data type; whether it is in range, the gateway decides. `problem` says in words what is wrong with it. */
export type Parsed = { ok: true; value: Value } | { ok: false; problem: string }

export function parseTyped(text: string, dataType: string): Parsed {
  if (dataType === 'String') return { ok: true, value: text }
  if (isArrayType(dataType)) return parseArray(text, elementType(dataType))
  if (isDocumentType(dataType)) return parseDocument(text, dataType)
  const typed = text.trim().replace(',', '.')
  if (typed === '') return { ok: false, problem: 'Type a value.' }
  if (dataType === 'Boolean') return { ok: true, value: typed === 'true' }
  const value = Number(typed)
  if (!Number.isFinite(value)) return { ok: false, problem: 'This is not a number.' }
  if (dataType.startsWith('Int')) {
    if (!Number.isInteger(value)) return { ok: false, problem: 'This tag holds whole numbers.' }
    if (!Number.isSafeInteger(value)) return { ok: false, problem: 'The page can’t write whole numbers this large exactly.' }
  }
  return { ok: true, value }
}

function parseArray(text: string, element: string): Parsed {
  const problem = 'Type a list: [1, 2, 3]'
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    return { ok: false, problem }
  }
  if (!Array.isArray(list)) return { ok: false, problem }
  for (const [index, item] of (list as unknown[]).entries()) {
    const good = element === 'String' ? typeof item === 'string' : element === 'Boolean' ? typeof item === 'boolean' : typeof item === 'number'
    if (!good) return { ok: false, problem: `Value ${index} is not of type ${element}: ${JSON.stringify(item)}` }
    if (element.startsWith('Int') && !Number.isSafeInteger(item)) return { ok: false, problem: `Value ${index} is no whole number that the page can write exactly.` }
  }
  return { ok: true, value: list as Value }
}

function parseDocument(text: string, dataType: string): Parsed {
  let inside: unknown
  try {
    inside = JSON.parse(text)
  } catch (error) {
    return { ok: false, problem: `This is no JSON: ${error instanceof Error ? error.message : ''}` }
  }
  if (typeof inside !== 'object' || inside === null) return { ok: false, problem: 'A document is an object or a list.' }
  const { columns, rows } = inside as { columns?: unknown; rows?: unknown }
  if (dataType === 'DataSet' && (!Array.isArray(columns) || !Array.isArray(rows))) return { ok: false, problem: 'A DataSet looks like {"columns": ["Name"], "rows": [["Ada"]]}' }
  return { ok: true, value: JSON.stringify(inside) }
}
