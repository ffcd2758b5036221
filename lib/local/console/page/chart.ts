/// <reference lib="dom" />
import uPlot from 'uplot'
import type { Content } from '../../cloudwatch/dashboard-view.ts'

type Graph = Extract<Content, { kind: 'graph' | 'numbers' }>

/** Readable on white and on black. */
const COLORS = ['#2f80ed', '#e8590c', '#2b9348', '#9c36b5', '#c99700', '#0c8599', '#d6336c', '#868e96']

/** One graph; `show` draws new values without moving the cursor of a reader. */
export class Chart {
  readonly element = document.createElement('div')
  readonly #height: number
  #plot: uPlot | undefined
  #shape = ''
  #range: [number, number] = [0, 0]

  constructor(height: number) {
    this.#height = height
    this.element.className = 'chart'
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.element)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#plot?.redraw())
  }

  show({ from, to, times, series, lines }: Graph): void {
    this.#range = [from, to]
    // Lines reach both edges, however few values there are between.
    const data = [
      [from, ...times, to],
      ...series.map(({ values }) => [null, ...values, null]),
      ...lines.map(({ value }) => [value, ...times.map(() => value), value]),
    ] as unknown as uPlot.AlignedData
    const shape = JSON.stringify([series.map(({ label }) => label), lines])
    if (this.#plot && shape === this.#shape) {
      this.#plot.setData(data)
      this.#rest(this.#plot)
      return
    }
    this.#shape = shape
    this.#plot?.destroy()
    this.#plot = new uPlot({ ...this.#options(series, lines), ...this.#size() }, data, this.element)
    // The legend may have two lines, which must not push the graph out of its widget.
    this.#plot.setSize(this.#size())
    this.#rest(this.#plot)
  }

  /** Without a cursor on the graph, the legend shows the newest values. */
  #rest(plot: uPlot): void {
    const last = plot.data.map((values) => {
      for (let index = values.length - 1; index > 0; index -= 1) if (values[index] != null) return index
      return null
    })
    if ((plot.cursor.left ?? -1) < 0) plot.setLegend({ idxs: last })
  }

  #size() {
    const legend = this.element.querySelector('.u-legend')
    return {
      width: Math.max(120, this.element.clientWidth),
      height: Math.max(80, this.#height - (legend?.clientHeight ?? 0)),
    }
  }

  #options(series: Graph['series'], lines: Graph['lines']): Omit<uPlot.Options, 'width' | 'height'> {
    // Read at each drawing, because light or dark mode may have changed.
    const ink = (kind: 'color' | 'borderTopColor') => () => getComputedStyle(this.element)[kind]
    const axis = {
      stroke: ink('color'),
      grid: { stroke: ink('borderTopColor'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    }
    return {
      legend: { live: true },
      hooks: { setCursor: [(plot) => (plot.cursor.left ?? -1) < 0 && this.#rest(plot)] },
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      scales: {
        x: { range: () => this.#range },
        y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
      },
      axes: [
        { ...axis, size: 28, values: (_, at) => at.map((second) => timeOf(second)) },
        { ...axis, size: 52, values: (_, values) => values.map((value) => compact(value)) },
      ],
      series: [
        { value: (_, at) => (at === null ? '' : timeOf(at)) },
        ...series.map(({ label }, index) => ({
          label,
          stroke: COLORS[index % COLORS.length] as string,
          width: 1.5,
          spanGaps: true,
          // Otherwise a single value with gaps around it would not be visible.
          points: { show: true, size: 4 },
          value: (_: uPlot, value: number | null) => (value === null ? '–' : compact(value)),
        })),
        ...lines.map(({ label, color }) => ({
          label,
          stroke: color,
          width: 1,
          dash: [6, 4],
          points: { show: false },
          value: (_: uPlot, value: number | null) => (value === null ? '–' : compact(value)),
        })),
      ],
    }
  }
}

const timeOf = (second: number) =>
  new Date(second * 1_000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false })

const compact = (value: number) =>
  value.toLocaleString('en', { notation: 'compact', maximumFractionDigits: value < 10 ? 2 : 1 })
