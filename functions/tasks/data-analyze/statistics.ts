import type { Column } from './column.ts'
import type { ColumnType } from './columns.ts'
import type { Survey } from './survey.ts'

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
  /** Number of cells with another type than the column. */
  readonly unfitting: number
  readonly distinct: number
  readonly distinct_is_exact: boolean
  readonly top: readonly { readonly value: string; readonly count: number }[]
  readonly numbers: NumberSummary | null
}

const MAX_CORRELATED = 20
const MAX_GROUPS = 100
const SHOWN = 10

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

/** All statistics of a table, by simple-statistics. */
export async function analyze(survey: Survey): Promise<Analysis> {
  const library = await import('simple-statistics')
  const columns = survey.columns.map((column) => summarizeColumn(library, column, survey.step))
  const numeric = survey.columns.filter((_, place) => columns[place]?.numbers)
  return {
    columns,
    correlations: correlate(library, numeric),
    groups: group(survey, numeric),
  }
}

function summarizeColumn(library: Library, column: Column, step: number): ColumnSummary {
  const { type, unfitting } = column.type
  const isNumeric = type === 'integer' || type === 'number'
  const sorted = isNumeric ? column.kept.filter((value) => !Number.isNaN(value)).sort() : undefined
  // When every number was kept, distinct ones can be counted exactly, however many there are.
  const isCounted = sorted !== undefined && step === 1 && unfitting === 0 && !column.isDistinctExact
  return {
    name: column.name,
    type,
    missing: column.missing,
    unfitting,
    distinct: isCounted ? library.uniqueCountSorted(asList(sorted)) : column.distinct,
    distinct_is_exact: isCounted || column.isDistinctExact,
    top: column.top(SHOWN),
    numbers: sorted ? summarizeNumbers(library, column, sorted, step) : null,
  }
}

/** The library reads lists only by index, and a `Float64Array` needs a third of an array's memory. */
const asList = (doubles: Float64Array): number[] => doubles as unknown as number[]

/** Outliers are more than 1.5 times the interquartile range outside of it (Tukey). */
function summarizeNumbers(
  library: Library,
  { kept, moments }: Column,
  sorted: Float64Array,
  step: number,
): NumberSummary | null {
  if (sorted.length === 0) return null
  const q1 = library.quantileSorted(asList(sorted), 0.25)
  const q3 = library.quantileSorted(asList(sorted), 0.75)
  const reach = 1.5 * (q3 - q1)
  const examples: { row: number; value: number }[] = []
  let count = 0
  for (const [index, value] of kept.entries()) {
    if (Number.isNaN(value) || (value >= q1 - reach && value <= q3 + reach)) continue
    count += 1
    if (examples.length < SHOWN) examples.push({ row: index * step + 1, value })
  }
  return {
    min: moments.min,
    max: moments.max,
    mean: moments.mean,
    median: library.quantileSorted(asList(sorted), 0.5),
    q1,
    q3,
    standard_deviation: moments.standardDeviation,
    outliers: { count: count * step, examples },
  }
}

function correlate(library: Library, numeric: readonly Column[]): Analysis['correlations'] {
  const found = []
  const few = numeric.slice(0, MAX_CORRELATED)
  for (const [index, left] of few.entries())
    for (const right of few.slice(index + 1)) {
      const [xs, ys] = bothPresent(left.kept, right.kept)
      if (xs.length < 3) continue
      const r = library.sampleCorrelation(asList(xs), asList(ys))
      if (Number.isFinite(r)) found.push({ columns: [left.name, right.name] as const, r, rows: xs.length })
    }
  return found.sort((left, right) => Math.abs(right.r) - Math.abs(left.r))
}

function bothPresent(left: Float64Array, right: Float64Array): readonly [Float64Array, Float64Array] {
  const [xs, ys] = [new Float64Array(left.length), new Float64Array(left.length)]
  let count = 0
  for (let row = 0; row < left.length; row += 1) {
    const [x, y] = [left[row] as number, right[row] as number]
    if (Number.isNaN(x) || Number.isNaN(y)) continue
    xs[count] = x
    ys[count] = y
    count += 1
  }
  return [xs.subarray(0, count), ys.subarray(0, count)]
}

function group({ groups, columns, groupBy }: Survey, numeric: readonly Column[]): Analysis['groups'] {
  return [...groups]
    .sort(([, left], [, right]) => right.count - left.count)
    .slice(0, MAX_GROUPS)
    .map(([value, { count, numbers }]) => ({
      value,
      count,
      means: Object.fromEntries(
        numeric.flatMap((column) => {
          if (column.name === groupBy) return []
          const found = numbers[columns.indexOf(column)]
          return found ? [[column.name, found.sum / found.count]] : []
        }),
      ),
    }))
}
