import { TaskError } from '../../core/kit/index.ts'
import { Column } from './column.ts'
import { isNumber, toNumber } from './columns.ts'
import {
  BrokenRows,
  looksLikeHeader,
  looksLikeYears,
  MAX_COLUMNS,
  MAX_ROWS,
  nameColumns,
  tableDamaged,
  tableEmpty,
  tooLarge,
} from './table.ts'

/** Most numbers kept for quartiles, outliers, correlations and charts: 128 MB of doubles. */
const MAX_KEPT_NUMBERS = 16_000_000
const MAX_GROUPS = 100_000
const MAX_GROUP_CELLS = 2_000_000
/** Of all distinct cells; a character may take two bytes. */
const MAX_CHARACTERS = 30_000_000

interface FirstRow {
  readonly cells: readonly string[]
  readonly line: number
}

export interface Group {
  count: number
  /** By column index: how many numbers, and their sum. */
  readonly numbers: { count: number; sum: number }[]
}

/** Reads a table row by row and keeps only the data needed for its statistics. */
export class Survey {
  readonly columns: Column[] = []
  readonly groups = new Map<string, Group>()
  readonly broken = new BrokenRows()
  hasHeader = false
  rows = 0
  /** Every n-th row is kept; 1 while all have room. */
  step = 1
  readonly groupBy: string | undefined
  readonly #room = { characters: MAX_CHARACTERS }
  readonly #places = new Map<string, number>()
  readonly #maxKept: number
  #hasText = false
  /** A first row that may be a header of years; the second row decides. */
  #years: FirstRow | undefined

  constructor(groupBy?: string, maxKept = MAX_KEPT_NUMBERS) {
    this.groupBy = groupBy
    this.#maxKept = maxKept
  }

  /** Adds a row of a format with columns by position; the first row may be the header. */
  take(cells: readonly string[], line: number): void {
    if (this.columns.length > 0) this.#takeRow(cells, line)
    else if (this.#years) {
      this.#begin(this.#years, !looksLikeYears(cells, toNumber))
      this.#takeRow(cells, line)
    } else if (looksLikeYears(cells, toNumber)) this.#years = { cells, line }
    else this.#begin({ cells, line }, looksLikeHeader(cells, isNumber))
  }

  #begin({ cells, line }: FirstRow, hasHeader: boolean): void {
    this.hasHeader = hasHeader
    for (const name of nameColumns(hasHeader ? cells : cells.map(() => ''))) this.#add(name)
    if (hasHeader) this.#hasText = true
    else this.#takeRow(cells, line)
  }

  #takeRow(cells: readonly string[], line: number): void {
    if (cells.length === this.columns.length) this.#row(cells)
    else this.broken.add(line, `has ${cells.length} cells, not ${this.columns.length}`)
  }

  /** Adds a row of a format with named cells; a column is created at its first cell. */
  takeNamed(row: ReadonlyMap<string, string>): void {
    this.hasHeader = true
    for (const name of row.keys()) if (!this.#places.has(name)) this.#add(name)
    this.#row(this.columns.map(({ name }) => row.get(name) ?? ''))
  }

  /** @throws TaskError `table_empty`, `unknown_column`. */
  end(): this {
    if (this.#years && this.columns.length === 0) this.#begin(this.#years, true)
    const [broken] = this.broken.examples
    if (!this.#hasText && broken)
      throw tableDamaged(`No row can be read; line ${broken.line} ${broken.problem}, and so on.`)
    if (!this.#hasText) throw tableEmpty()
    if (this.groupBy !== undefined && !this.#places.has(this.groupBy)) {
      const names = this.columns.slice(0, 30).map(({ name }) => name)
      throw new TaskError(
        `There is no column "${this.groupBy.slice(0, 100)}". Columns: ${names.join(', ').slice(0, 500)}.`,
        { code: 'unknown_column' },
      )
    }
    return this
  }

  #add(name: string): void {
    this.#places.set(name, this.columns.length)
    if (this.columns.length === MAX_COLUMNS) throw tooLarge(`more than ${MAX_COLUMNS} columns`)
    this.columns.push(new Column(name, this.#room, this.rows, Math.ceil(this.rows / this.step)))
  }

  #row(cells: readonly string[]): void {
    if (this.rows === MAX_ROWS) throw tooLarge(`more than ${MAX_ROWS} rows`)
    const isKept = this.rows % this.step === 0
    const group = this.#groupOf(cells)
    if (group) group.count += 1
    for (const [place, column] of this.columns.entries()) {
      const cell = cells[place] ?? ''
      if (cell !== '') this.#hasText ||= cell.trim() !== ''
      const number = column.add(cell, isKept)
      if (!group || Number.isNaN(number)) continue
      group.numbers[place] ??= { count: 0, sum: 0 }
      group.numbers[place].count += 1
      group.numbers[place].sum += number
    }
    this.rows += 1
    if (isKept && this.rows % 1_024 === 1) this.#makeRoom()
  }

  #makeRoom(): void {
    const kept = this.columns.reduce((sum, column) => sum + column.kept.length, 0)
    if (kept <= this.#maxKept) return
    for (const column of this.columns) column.thin()
    this.step *= 2
  }

  #groupOf(cells: readonly string[]): Group | undefined {
    if (this.groupBy === undefined) return undefined
    const place = this.#places.get(this.groupBy)
    const value = (place === undefined ? '' : (cells[place] ?? '')).trim().slice(0, 200)
    const met = this.groups.get(value)
    if (met) return met
    if (this.groups.size >= Math.min(MAX_GROUPS, MAX_GROUP_CELLS / this.columns.length)) return undefined
    const group = { count: 0, numbers: [] }
    this.groups.set(value, group)
    return group
  }
}
