/** Numbers, times and ages as people read them. Pure: the time zone and language are the browser's. */

import type { Value } from './contract'
import { documentWords, elementType } from './values'

/** What stands where there is no value. */
export const NO_VALUE = '–'

/** So many values of an array stand in a row of a list. */
const SHORT_ARRAY = 4

/** A value as text, without its unit: floats shortened, integers whole, booleans On/Off, arrays and documents in short. */
export function formatValue(value: Value | undefined, dataType = ''): string {
  if (value === null || value === undefined) return NO_VALUE
  if (Array.isArray(value)) {
    const items = value.slice(0, SHORT_ARRAY).map((item) => formatValue(item, elementType(dataType)))
    return value.length > SHORT_ARRAY ? `[${items.join(', ')}, …] ${formatCount(value.length)} values` : `[${items.join(', ')}]`
  }
  if (typeof value === 'string' && (dataType === 'DataSet' || dataType === 'Document')) return documentWords(value, dataType)
  if (typeof value === 'boolean') return value ? 'On' : 'Off'
  if (typeof value === 'string') return value
  if (!Number.isFinite(value)) return String(value)
  if (dataType === 'DateTime') return formatDateTime(value)
  if (dataType.startsWith('Int')) return String(value)
  return formatFloat(value)
}

/** Fixed decimals chosen by magnitude, so that a moving number doesn't change its width with every update. */
export function formatFloat(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(3)
  if (size >= 1000) return value.toFixed(size < 10_000 ? 1 : 0)
  if (size >= 100) return value.toFixed(1)
  if (size >= 1 || size === 0) return value.toFixed(2)
  return value.toFixed(4)
}

/** A count with thin spaces between thousands. */
export function formatCount(value: number): string {
  return value.toLocaleString('en').replaceAll(',', '\u202f')
}

/** How long: "3 s", "4 min", "2 h 5 min", "3 d". Negative durations (clocks that differ) count as zero. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  const days = Math.floor(hours / 24)
  return hours % 24 === 0 || days >= 10 ? `${days} d` : `${days} d ${hours % 24} h`
}

const two = (value: number) => String(value).padStart(2, '0')

/** 14:03:09 */
export function formatTime(ms: number): string {
  const date = new Date(ms)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** 2026-11-20 */
export function formatDate(ms: number): string {
  const date = new Date(ms)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** 2026-11-20 14:03:09 */
export function formatDateTime(ms: number): string {
  return `${formatDate(ms)} ${formatTime(ms)}`
}

/** The time alone while it is today, the date with it otherwise. */
export function formatMoment(ms: number, now: number): string {
  return formatDate(ms) === formatDate(now) ? formatTime(ms) : formatDateTime(ms)
}

/** For <input type="datetime-local" step="1">. */
export function toInputDateTime(ms: number): string {
  return `${formatDate(ms)}T${formatTime(ms)}`
}

export function formatLatency(ms: number | null): string {
  if (ms === null) return NO_VALUE
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}

/** "1 problem", "2 problems" */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** Splits `[default]Line 1/Filler/Speed` into folder and name, provider kept only when it is not the default one. */
export function splitPath(path: string): { folder: string; name: string } {
  const shown = shortPath(path)
  const cut = shown.lastIndexOf('/')
  return cut < 0 ? { folder: '', name: shown } : { folder: shown.slice(0, cut), name: shown.slice(cut + 1) }
}

export function shortPath(path: string): string {
  return path.startsWith('[default]') ? path.slice('[default]'.length) : path
}

/** Figures of a part: "response_ms" -> "Response", "1.4 ms". */
const UNIT_SUFFIXES: [suffix: string, unit: string][] = [
  ['_per_s', '/s'], ['_ms', 'ms'], ['_us', 'µs'], ['_s', 's'], ['_percent', '%'],
]

export function formatFigure(name: string, value: string | number | boolean | null): { label: string; text: string } {
  const found = UNIT_SUFFIXES.find(([suffix]) => name.endsWith(suffix))
  const words = (found ? name.slice(0, -found[0].length) : name).replaceAll('_', ' ')
  const label = words.charAt(0).toUpperCase() + words.slice(1)
  if (value === null || value === '') return { label, text: NO_VALUE }
  if (typeof value === 'boolean') return { label, text: value ? 'yes' : 'no' }
  if (typeof value === 'string') return { label, text: value }
  if (name === 'bytes' || name.endsWith('_bytes')) return { label: label.replace(/ ?bytes$/i, '') || 'Size', text: formatBytes(value) }
  const shown = name === 'port' ? String(value) : Number.isInteger(value) ? formatCount(value) : value.toFixed(value < 10 ? 2 : 1)
  return { label, text: found ? `${shown} ${found[1]}`.replace(' /s', '/s') : shown }
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`
}
