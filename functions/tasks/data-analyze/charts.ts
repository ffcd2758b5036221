import { isMissing, toNumber } from './columns.ts'
import type { Analysis } from './statistics.ts'
import type { Table } from './table.ts'

export interface Chart {
  readonly title: string
  readonly svg: string
}

const MAX_CHARTS = 4
const MAX_POINTS = 500
const SIZE = { width: 480, height: 260 }

/** The charts that say most: how numbers are spread, what is most frequent, and the strongest correlation. In Vega-Lite. */
export async function drawCharts(
  table: Table,
  { columns, correlations }: Analysis,
): Promise<readonly Chart[]> {
  const specs: { readonly title: string; readonly spec: object }[] = []
  const cellsOf = (name: string) => {
    const index = table.columns.indexOf(name)
    return table.rows.map((row) => row[index] ?? '')
  }
  const [strongest] = correlations
  if (strongest) {
    const [x, y] = strongest.columns.map((name) => cellsOf(name).map(toNumber))
    const values = thin(
      (x ?? []).flatMap((value, row) =>
        value === undefined || y?.[row] === undefined ? [] : [{ x: value, y: y[row] }],
      ),
    )
    specs.push({
      title: `${strongest.columns[1]} by ${strongest.columns[0]}`,
      spec: { data: { values }, mark: 'point', encoding: axes(strongest.columns, 'quantitative') },
    })
  }
  for (const { name, numbers } of columns)
    if (numbers) {
      const values = cellsOf(name).flatMap((cell) => {
        const x = toNumber(cell)
        return x === undefined ? [] : [{ x }]
      })
      specs.push({
        title: `Distribution of ${name}`,
        spec: {
          data: { values: thin(values) },
          mark: 'bar',
          encoding: { x: { field: 'x', bin: true, title: name }, y: { aggregate: 'count', title: 'rows' } },
        },
      })
    } else if (cellsOf(name).some((cell) => !isMissing(cell)))
      specs.push({
        title: `Most frequent in ${name}`,
        spec: {
          data: {
            values: columns
              .find((column) => column.name === name)
              ?.top.map(({ value, count }) => ({ x: value, y: count })),
          },
          mark: 'bar',
          encoding: {
            y: { field: 'x', type: 'nominal', sort: '-x', title: name },
            x: { field: 'y', type: 'quantitative', title: 'rows' },
          },
        },
      })
  if (specs.length === 0) return []
  const [vega, lite] = await Promise.all([import('vega'), import('vega-lite')])
  const charts: Chart[] = []
  for (const { title, spec } of specs.slice(0, MAX_CHARTS)) {
    const compiled = lite.compile({ ...SIZE, ...spec } as never).spec
    // The data is given as values: nothing is loaded from anywhere.
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

const axes = ([x, y]: readonly [string, string], type: string) => ({
  x: { field: 'x', type, title: x, scale: { zero: false } },
  y: { field: 'y', type, title: y, scale: { zero: false } },
})

/** Every n-th, so that a chart of a million rows is drawn, too. */
function thin<Point>(points: readonly Point[]): readonly Point[] {
  const step = Math.ceil(points.length / MAX_POINTS)
  return step <= 1 ? points : points.filter((_, index) => index % step === 0)
}
