import { type ColumnType, isMissing, toNumber, typeOf } from './columns.ts'
import type { Table } from './table.ts'

type Library = typeof import('simple-statistics')

export interface NumberSummary {
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly median: number
  readonly q1: number
  readonly q3: number
  readonly standard_deviation: number | null
  readonly outliers: { readonly count: number; readonly examples: readonly { row: number; value: number }[] }
}

export interface ColumnSummary {
  readonly name: string
  readonly type: ColumnType
  readonly missing: number
  /** Cells of another type than the column's. */
  readonly unfitting: number
  readonly distinct: number
  readonly top: readonly { readonly value: string; readonly count: number }[]
  readonly numbers: NumberSummary | null
}

const MAX_CORRELATED = 20
const MAX_GROUPS = 100
const SHOWN = 10
const isNumeric = ({ type }: ColumnSummary) => type === 'integer' || type === 'number'

export interface Analysis {
  readonly columns: readonly ColumnSummary[]
  readonly correlations: readonly {
    readonly columns: readonly [string, string]
    readonly r: number
    readonly rows: number
  }[]
  readonly groups: readonly {
    readonly value: string
    readonly count: number
    readonly means: Readonly<Record<string, number>>
  }[]
}

/** All numbers about a table, by simple-statistics. */
export async function analyze(table: Table, groupBy: string | undefined): Promise<Analysis> {
  const library = await import('simple-statistics')
  const cellsOf = (index: number) => table.rows.map((row) => row[index] ?? '')
  const columns = table.columns.map((name, index) => summarizeColumn(library, name, cellsOf(index)))
  const numeric = columns.flatMap((column, index) =>
    isNumeric(column) ? [{ name: column.name, values: cellsOf(index).map(toNumber) }] : [],
  )
  return {
    columns,
    correlations: correlate(library, numeric),
    groups: group(library, table, groupBy, numeric),
  }
}

interface Numeric {
  readonly name: string
  readonly values: readonly (number | undefined)[]
}

function summarizeColumn(library: Library, name: string, cells: readonly string[]): ColumnSummary {
  const { type, unfitting } = typeOf(cells)
  const counts = new Map<string, number>()
  let missing = 0
  for (const cell of cells)
    if (isMissing(cell)) missing += 1
    else counts.set(cell.trim(), (counts.get(cell.trim()) ?? 0) + 1)
  const isNumbers = type === 'integer' || type === 'number'
  const top = [...counts].sort(([, left], [, right]) => right - left).slice(0, SHOWN)
  return {
    name,
    type,
    missing,
    unfitting,
    distinct: counts.size,
    top: top.map(([value, count]) => ({ value: value.slice(0, 200), count })),
    numbers: isNumbers ? summarizeNumbers(library, cells.map(toNumber)) : null,
  }
}

/** Outliers lie more than one and a half times the middle half's width outside of it (Tukey). */
function summarizeNumbers(library: Library, cells: readonly (number | undefined)[]): NumberSummary | null {
  const values = cells.filter((value) => value !== undefined)
  if (values.length === 0) return null
  const sorted = values.toSorted((left, right) => left - right)
  const q1 = library.quantileSorted(sorted, 0.25)
  const q3 = library.quantileSorted(sorted, 0.75)
  const reach = 1.5 * (q3 - q1)
  const examples: { row: number; value: number }[] = []
  let count = 0
  for (const [index, value] of cells.entries()) {
    if (value === undefined || (value >= q1 - reach && value <= q3 + reach)) continue
    count += 1
    if (examples.length < SHOWN) examples.push({ row: index + 1, value })
  }
  return {
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    mean: library.mean(values),
    median: library.medianSorted(sorted),
    q1,
    q3,
    standard_deviation: values.length > 1 ? library.sampleStandardDeviation(values) : null,
    outliers: { count, examples },
  }
}

function correlate(library: Library, numeric: readonly Numeric[]): Analysis['correlations'] {
  const found = []
  const few = numeric.slice(0, MAX_CORRELATED)
  for (const [index, left] of few.entries())
    for (const right of few.slice(index + 1)) {
      const pairs = left.values.flatMap((value, row) => {
        const other = right.values[row]
        return value === undefined || other === undefined ? [] : [[value, other] as const]
      })
      if (pairs.length < 3) continue
      const r = library.sampleCorrelation(
        pairs.map(([value]) => value),
        pairs.map(([, value]) => value),
      )
      if (Number.isFinite(r)) found.push({ columns: [left.name, right.name] as const, r, rows: pairs.length })
    }
  return found.sort((left, right) => Math.abs(right.r) - Math.abs(left.r))
}

function group(
  library: Library,
  table: Table,
  by: string | undefined,
  numeric: readonly Numeric[],
): Analysis['groups'] {
  const index = by === undefined ? -1 : table.columns.indexOf(by)
  if (index < 0) return []
  const groups = new Map<string, number[]>()
  for (const [row, cells] of table.rows.entries()) {
    const value = (cells[index] ?? '').trim().slice(0, 200)
    const rows = groups.get(value)
    if (rows) rows.push(row)
    else groups.set(value, [row])
  }
  return [...groups]
    .sort(([, left], [, right]) => right.length - left.length)
    .slice(0, MAX_GROUPS)
    .map(([value, rows]) => ({
      value,
      count: rows.length,
      means: Object.fromEntries(
        numeric
          .filter(({ name }) => name !== by)
          .flatMap(({ name, values }) => {
            const present = rows.map((row) => values[row]).filter((cell) => cell !== undefined)
            return present.length ? [[name, library.mean(present)]] : []
          }),
      ),
    }))
}
