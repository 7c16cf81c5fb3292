/** Values with more than one part: arrays, DataSets (the JSON of `{columns, rows}`) and Documents (any JSON). Pure. */

import type { Scalar, Value } from './contract'

/** Longer texts are not looked into for a row of a list. */
const LONGEST_SHORT = 20_000

/** "Float4Array" -> "Float4"; of any other type itself. */
export const elementType = (dataType: string): string => dataType.replace(/Array$/, '')

export const isArrayType = (dataType: string): boolean => dataType.endsWith('Array')
export const isDocumentType = (dataType: string): boolean => dataType === 'DataSet' || dataType === 'Document'

const count = (many: number, one: string) => `${many} ${one}${many === 1 ? '' : 's'}`

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a DataSet or Document is, in a few words. */
export function documentWords(text: string, dataType: string): string {
  if (text.length > LONGEST_SHORT) return `${Math.round(text.length / 1000)} kB`
  const table = tableOf(text, dataType)
  if (dataType === 'DataSet') return table ? `${count(table.rows.length, 'row')}, ${count(table.columns.length, 'column')}` : text
  const value = parsed(text)
  if (Array.isArray(value)) return `[${count(value.length, 'value')}]`
  return isObject(value) ? `{${Object.keys(value).join(', ')}}` : text
}

export interface ValueTable {
  columns: string[]
  rows: Scalar[][]
}

const cell = (value: unknown): Scalar =>
  value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value)

/** The value as a table, null if it has only one part. */
export function tableOf(value: Value, dataType: string): ValueTable | null {
  if (Array.isArray(value)) return { columns: ['', 'Value'], rows: value.map((item, index) => [index, item]) }
  if (typeof value !== 'string' || !isDocumentType(dataType)) return null
  const inside = parsed(value)
  if (dataType === 'DataSet') {
    if (!isObject(inside) || !Array.isArray(inside['columns']) || !Array.isArray(inside['rows'])) return null
    const rows = inside['rows'] as unknown[]
    return { columns: inside['columns'].map(columnName), rows: rows.map((row) => (Array.isArray(row) ? row.map(cell) : [cell(row)])) }
  }
  if (Array.isArray(inside)) return { columns: ['', 'Value'], rows: inside.map((item, index) => [index, cell(item)]) }
  return isObject(inside) ? { columns: ['Key', 'Value'], rows: Object.entries(inside).map(([key, item]) => [key, cell(item)]) } : null
}

/** A column is a name, or an object with one. */
const columnName = (column: unknown): string => (isObject(column) ? String(column['name'] ?? '') : String(column))

/** For editing: JSON with a line for each row. */
export function editable(value: Value): string {
  if (Array.isArray(value)) return JSON.stringify(value)
  if (typeof value !== 'string') return value === null ? '' : String(value)
  const inside = parsed(value)
  if (inside === undefined) return value
  if (isObject(inside) && Array.isArray(inside['rows'])) {
    const rows = (inside['rows'] as unknown[]).map((row) => `    ${JSON.stringify(row)}`)
    return `{\n  "columns": ${JSON.stringify(inside['columns'])},\n  "rows": [\n${rows.join(',\n')}\n  ]\n}`
  }
  return JSON.stringify(inside, null, 2)
}
