import type { Column } from './column.ts'
import type { Analysis } from './statistics.ts'

export interface Chart {
  readonly title: string
  readonly svg: string
}

const MAX_CHARTS = 4
const MAX_POINTS = 500
const SIZE = { width: 480, height: 260 }

/** The most informative charts, in Vega-Lite: distributions of numbers, most frequent values, and the strongest correlation. */
export async function drawCharts(
  surveyed: readonly Column[],
  { columns, correlations }: Analysis,
): Promise<readonly Chart[]> {
  const specs: { readonly title: string; readonly spec: object }[] = []
  const keptOf = (name: string) => surveyed.find((column) => column.name === name)?.kept ?? new Float64Array()
  const [strongest] = correlations
  if (strongest) {
    const [xs, ys] = [keptOf(strongest.columns[0]), keptOf(strongest.columns[1])]
    const values = thin(xs)
      .map((row) => ({ x: xs[row] as number, y: ys[row] as number }))
      .filter(({ x, y }) => !Number.isNaN(x) && !Number.isNaN(y))
    specs.push({
      title: `${strongest.columns[1]} by ${strongest.columns[0]}`,
      spec: {
        data: { values },
        mark: 'point',
        encoding: axes(strongest.columns.map(titleOf), 'quantitative'),
      },
    })
  }
  for (const { name, numbers, top } of columns)
    if (numbers) {
      const kept = keptOf(name)
      const values = thin(kept)
        .map((row) => ({ x: kept[row] as number }))
        .filter(({ x }) => !Number.isNaN(x))
      specs.push({
        title: `Distribution of ${name}`,
        spec: {
          data: { values },
          mark: 'bar',
          encoding: {
            x: { field: 'x', bin: true, title: titleOf(name) },
            y: {
              aggregate: 'count',
              title: kept.length > values.length ? `of ${values.length} rows` : 'rows',
            },
          },
        },
      })
    } else if (top.length > 0)
      specs.push({
        title: `Most frequent in ${name}`,
        spec: {
          data: { values: top.map(({ value, count }) => ({ x: value, y: count })) },
          mark: 'bar',
          encoding: {
            y: { field: 'x', type: 'nominal', sort: '-x', title: titleOf(name) },
            x: { field: 'y', type: 'quantitative', title: 'rows' },
          },
        },
      })
  if (specs.length === 0) return []
  const [vega, lite] = await Promise.all([import('vega'), import('vega-lite')])
  const charts: Chart[] = []
  for (const { title, spec } of specs.slice(0, MAX_CHARTS)) {
    const compiled = lite.compile({ ...SIZE, ...spec } as never).spec
    // The data is passed as values, so that nothing is loaded from outside.
    const view = new vega.View(vega.parse(compiled), {
      renderer: 'none',
      logLevel: vega.Error,
      loader: NOTHING,
    })
    charts.push({ title, svg: await view.toSVG() })
    view.finalize()
  }
  return charts
}

const refuse = async (): Promise<never> => {
  throw new Error('A chart loads nothing.')
}
const NOTHING = { load: refuse, sanitize: refuse, http: refuse, file: refuse } as never

/** The library fails for titles that are names of an object's built-in properties, such as `constructor`. */
const titleOf = (name: string): string => (name in {} ? `“${name}”` : name)

const axes = ([x, y]: readonly string[], type: string) => ({
  x: { field: 'x', type, title: x, scale: { zero: false } },
  y: { field: 'y', type, title: y, scale: { zero: false } },
})

/** Indexes of every n-th value, so that a million rows can be drawn. */
function thin({ length }: Float64Array): readonly number[] {
  const step = Math.max(1, Math.ceil(length / MAX_POINTS))
  return Array.from({ length: Math.ceil(length / step) }, (_, point) => point * step)
}
