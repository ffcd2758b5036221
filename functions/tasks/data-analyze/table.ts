/** Shared by the readers of all table formats. */
import { TaskError } from '../../core/kit/index.ts'

export const TABLE_FORMATS = ['csv', 'tsv', 'jsonl', 'xlsx'] as const
export type TableFormat = (typeof TABLE_FORMATS)[number]

export interface BrokenRow {
  /** Line in the file, from 1. */
  readonly line: number
  readonly problem: string
}

/** A file of 100 MB has fewer, unless its rows are almost empty. */
export const MAX_ROWS = 10_000_000
export const MAX_COLUMNS = 1_000
/** Of one row; a file with longer rows is no table. */
export const MAX_ROW_CHARACTERS = 1_000_000
export const BROKEN_SHOWN = 20

export const tooLarge = (what: string) =>
  new TaskError(`The table has ${what}; at most ${MAX_ROWS} rows of ${MAX_COLUMNS} columns are read.`, {
    code: 'table_too_large',
  })

export const tableEmpty = () => new TaskError('The table is empty.', { code: 'table_empty' })

export const tableDamaged = (message: string, cause?: unknown) =>
  new TaskError(message, { code: 'table_damaged', ...(cause === undefined ? {} : { cause }) })

/** Counts broken rows and keeps some as examples. */
export class BrokenRows {
  count = 0
  readonly examples: BrokenRow[] = []

  add(line: number, problem: string): void {
    this.count += 1
    if (this.examples.length < BROKEN_SHOWN) this.examples.push({ line, problem: problem.slice(0, 200) })
  }
}

/** Creates column names from a first row: unique, and never empty. */
export function nameColumns(cells: readonly string[]): string[] {
  if (cells.length > MAX_COLUMNS) throw tooLarge(`${cells.length} columns`)
  const seen = new Map<string, number>()
  return cells.map((cell, index) => {
    const name = cell.trim().slice(0, 200) || `column ${index + 1}`
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    return count === 1 ? name : `${name} (${count})`
  })
}

/**
 * Detects a header of years after a name, as statistical offices write it: all numbers are consecutive years.
 * When the second row looks the same, both are data.
 */
export function looksLikeYears(
  first: readonly string[],
  toNumber: (cell: string) => number | undefined,
): boolean {
  const numbers = first.flatMap((cell) => toNumber(cell) ?? [])
  const names = first.filter((cell) => toNumber(cell) === undefined && cell.trim() !== '')
  return (
    numbers.length >= 2 &&
    names.length >= 1 &&
    new Set(names).size === names.length &&
    numbers.every(
      (year, place) =>
        Number.isInteger(year) &&
        year >= 1_500 &&
        year <= 2_200 &&
        (place === 0 || year > (numbers[place - 1] as number)),
    )
  )
}

/** A first row is a header when none of its cells is a number and no name occurs twice. */
export function looksLikeHeader(first: readonly string[], isNumber: (cell: string) => boolean): boolean {
  const filled = first.filter((cell) => cell.trim() !== '')
  return filled.length > 0 && !filled.some(isNumber) && new Set(filled).size === filled.length
}
