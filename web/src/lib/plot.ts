/** uPlot, dressed in our tokens. Loaded only where a chart is shown. */

import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatFloat, formatTime } from './format'
import type { Columns } from './trend'

export interface PlotLine {
  label: string
  /** lines with the same unit share an axis */
  scale: string
  unit: string
  boolean: boolean
}

export interface PlotOptions {
  width: number
  height: number
  lines: PlotLine[]
  from: number
  to: number
  /** null while the pointer is elsewhere */
  onCursor: (index: number | null) => void
  onZoom: (from: number, to: number) => void
}

/** Never colour alone: each line has a dash of its own. */
const DASHES: number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3]]

const two = (value: number) => String(value).padStart(2, '0')

/** 24-hour labels; the date goes under the first label of each day, unless all are today. */
function timeLabels(_plot: uPlot, splits: number[], _axis: number, _space: number, step: number): string[] {
  const dayOf = (date: Date) => `${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const today = dayOf(new Date())
  let day = splits.every((seconds) => dayOf(new Date(seconds * 1000)) === today) ? today : ''
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000)
    const ofDay = dayOf(date)
    const time = step < 60 ? formatTime(seconds * 1000) : `${two(date.getHours())}:${two(date.getMinutes())}`
    const shown = ofDay === day ? time : `${time}\n${ofDay}`
    day = ofDay
    return shown
  })
}

function paddedRange(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1]
  const spread = high - low || Math.abs(high) * 0.1 || 1
  return [low - spread * 0.08, high + spread * 0.08]
}

export class Plot {
  #plot: uPlot
  #from: number
  #to: number

  constructor(host: HTMLElement, options: PlotOptions) {
    this.#from = options.from
    this.#to = options.to
    this.#plot = new uPlot(this.#options(host, options), [[], ...options.lines.map(() => [])], host)
  }

  show(data: Columns, from: number, to: number): void {
    this.#from = from
    this.#to = to
    this.#plot.setData(data, true)
  }

  resize(width: number, height: number): void {
    this.#plot.setSize({ width, height })
  }

  destroy(): void {
    this.#plot.destroy()
  }

  #options(host: HTMLElement, { width, height, lines, onCursor, onZoom }: PlotOptions): uPlot.Options {
    const style = getComputedStyle(host)
    const token = (name: string) => style.getPropertyValue(name).trim()
    const font = `12px ${token('--font')}`
    const look = { stroke: token('--muted'), font, grid: { stroke: token('--line'), width: 1 }, ticks: { stroke: token('--line'), width: 1, size: 4 } }
    const scaleNames = [...new Set(lines.map((line) => line.scale))]
    const stepped = uPlot.paths.stepped?.({ align: 1 })
    const shownAxes = width < 560 ? 1 : scaleNames.length
    const scales: Record<string, uPlot.Scale> = {
      x: { time: true, auto: false, range: () => [this.#from / 1000, this.#to / 1000] },
    }
    const axes: uPlot.Axis[] = [{ ...look, values: timeLabels, space: width < 560 ? 70 : 90, size: 42 }]
    scaleNames.forEach((name, index) => {
      const own = lines.filter((line) => line.scale === name)
      const boolean = own.every((line) => line.boolean)
      scales[name] = { range: (_plot, low, high) => (boolean ? [-0.1, 1.1] : paddedRange(low, high)) }
      if (index >= shownAxes) return
      const unit = own[0]?.unit ?? ''
      axes.push({
        ...look,
        scale: name,
        side: index % 2 === 0 ? 3 : 1,
        size: (_plot, values) => Math.max(44, 18 + 7.2 * Math.max(0, ...(values ?? []).map((value) => value.length))),
        grid: { ...look.grid, show: index === 0 },
        ...(unit && !boolean ? { label: unit, labelSize: 18, labelFont: font, labelGap: 0 } : {}),
        ...(boolean
          ? { splits: () => [0, 1], values: () => ['Off', 'On'] }
          : { values: (_plot: uPlot, splits: number[]) => splits.map((value) => axisNumber(value, splits)) }),
      })
    })
    return {
      width,
      height,
      legend: { show: false },
      padding: [12, scaleNames.length > 1 && shownAxes > 1 ? 0 : 16, 0, 0],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      scales,
      axes,
      series: [
        {},
        ...lines.map((line, index): uPlot.Series => ({
          // A value holds until the next one: a straight line between two changes would show what never was.
          ...(stepped ? { paths: stepped } : {}),
          label: line.label,
          scale: line.scale,
          stroke: token(`--series-${index + 1}`),
          width: 2,
          dash: DASHES[index] ?? [],
          points: { show: false },
        })),
      ],
      hooks: {
        setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            const { left, width: wide } = plot.select
            if (wide < 8) return
            onZoom(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + wide, 'x') * 1000)
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          },
        ],
      },
    }
  }
}

/** As many decimals as the distance between two labels asks for. */
function axisNumber(value: number, splits: number[]): string {
  const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0)) || 1
  if (Math.abs(value) >= 1e6 || step < 1e-4) return formatFloat(value)
  let decimals = 0
  while (decimals < 6 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6) decimals += 1
  return value.toFixed(decimals)
}
