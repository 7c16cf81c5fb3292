/** The request plan of a Modbus device as a picture: lines of registers with the blocks that are read. Pure. */

import type { BadRegister, PlannedRequest } from './devicecontract'

export const AREA_WORDS: Record<number, string> = { 1: 'Coils', 2: 'Discrete inputs', 3: 'Holding registers', 4: 'Input registers' }
const PREFIX: Record<number, string> = { 1: 'C', 2: 'DI', 3: 'HR', 4: 'IR' }
const FUNCTIONS: Record<string, number> = { C: 1, DI: 2, HR: 3, IR: 4 }
const WIDE: Record<string, number> = { I: 2, UI: 2, F: 2, BCD_32: 2, D: 4, I_64: 4, UI_64: 4 }

/** As one writes it in a tag: addresses count from 1 unless the device is zero-based. */
export const addressText = (fn: number, start: number, zeroBased: boolean): string => `${PREFIX[fn] ?? `${fn}:`}${start + (zeroBased ? 0 : 1)}`

export interface Place {
  unit: number
  function: number
  start: number
  count: number
}

/** Where an address lies: "3.HRF40" -> unit 3, holding registers 39 and 40; null if it is no Modbus address. */
export function placeOf(address: string, unit: number, zeroBased: boolean): Place | null {
  const match = /^(?:\[[^\]]*\])?(?:(\d+)\.)?(C|DI|HR|IR)(US|S|I_64|UI_64|I|UI|F|D|BCD_32|BCD)?(\d+)(?::(\d+))?/i.exec(address.trim())
  if (!match) return null
  const [, ownUnit, area = '', kind = '', number = '', length] = match
  return {
    unit: ownUnit === undefined ? unit : Number(ownUnit),
    function: FUNCTIONS[area.toUpperCase()] ?? 0,
    start: Number(number) - (zeroBased ? 0 : 1),
    count: length === undefined ? (WIDE[kind.toUpperCase()] ?? 1) : Math.max(1, Math.ceil(Number(length) / 2)),
  }
}

export interface Block {
  /** from the left of its line, and how wide */
  x: number
  width: number
  request: PlannedRequest
  /** it goes on in the next line, or began in the one before */
  torn: boolean
}

export interface Mark {
  x: number
  width: number
  register: BadRegister
}

export interface MapLine {
  /** address of its first register, from 0 */
  start: number
  blocks: Block[]
  bad: Mark[]
  /** registers between the line before and this one that nobody reads */
  skipped: number
}

export interface Area {
  unit: number
  function: number
  lines: MapLine[]
  requests: number
  registers: number
  gaps: number
}

export interface Drawing {
  /** registers in a line */
  line: number
  /** of an address that names none */
  unit: number
  zeroBased: boolean
}

/** Areas in the order of unit and function, each with the lines in which something is read. */
export function areasOf(requests: PlannedRequest[], bad: BadRegister[], { line: length, unit, zeroBased }: Drawing): Area[] {
  const areas = new Map<string, Area & { byStart: Map<number, MapLine> }>()
  const areaOf = (of: { unit: number; function: number }) => {
    const key = `${of.unit} ${of.function}`
    const area = areas.get(key) ?? { unit: of.unit, function: of.function, lines: [], requests: 0, registers: 0, gaps: 0, byStart: new Map<number, MapLine>() }
    areas.set(key, area)
    return area
  }
  const pieces = (area: { byStart: Map<number, MapLine> }, from: number, count: number, put: (line: MapLine, x: number, width: number) => void) => {
    for (let at = from; at < from + count; ) {
      const start = Math.floor(at / length) * length
      const width = Math.min(start + length, from + count) - at
      const line = area.byStart.get(start) ?? { start, blocks: [], bad: [], skipped: 0 }
      area.byStart.set(start, line)
      put(line, at - start, width)
      at += width
    }
  }
  for (const request of requests) {
    const area = areaOf(request)
    area.requests += 1
    area.registers += request.count
    area.gaps += request.gap_registers
    pieces(area, request.start, request.count, (line, x, width) => line.blocks.push({ x, width, request, torn: width < request.count }))
  }
  for (const register of bad) {
    const place = placeOf(register.address, unit, zeroBased)
    if (place && place.start >= 0) pieces(areaOf(place), place.start, place.count, (line, x, width) => line.bad.push({ x, width, register }))
  }
  return [...areas.values()]
    .sort((a, b) => a.unit - b.unit || a.function - b.function)
    .map(({ byStart, ...area }) => {
      const lines = [...byStart.values()].sort((a, b) => a.start - b.start)
      lines.forEach((line, index) => (line.skipped = line.start - ((lines[index - 1]?.start ?? line.start - length) + length)))
      return { ...area, lines }
    })
}
