import { type ColumnType, isBoolean, isDate, isMissing, toNumber } from './columns.ts'
import { MAX_ROWS } from './table.ts'

/** Share of cells that may have another type than the column. */
const MAX_OTHER_TYPE_SHARE = 0.05

const NOTHING = new Float64Array(0)

/** A distinct cell: its type, and how often it occurs. */
interface CellCount {
  count: number
  readonly isMissing: boolean
  /** NaN for a cell that is no number. */
  readonly number: number
  readonly isDate: boolean
  readonly isBoolean: boolean
  readonly isFormula: boolean
}

/** Most distinct cells stored per column, at about 100 bytes each. */
const MAX_DISTINCT_CELLS = 50_000

/** Remaining number of characters that the distinct cells of all columns may use together. */
export interface SharedRoom {
  characters: number
}

/**
 * Collects a column cell by cell: a table of 100 MB has 20 million cells, which would need a gigabyte as strings. Only distinct
 * cells are stored, as long as there is room, and numbers as doubles.
 */
export class Column {
  readonly name: string
  missing = 0
  /** Number of cells that are not of each type, without missing ones. */
  readonly misfits = { integer: 0, number: 0, boolean: 0, date: 0 }
  /** True while every distinct cell could be stored. */
  isDistinctExact = true
  formulas = 0
  readonly #known = new Map<string, CellCount>()
  readonly #room: SharedRoom
  #numbers = 0
  #mean = 0
  #squares = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #kept: Float64Array
  #keptLength: number

  /** @param keptBefore rows that were kept before this column first occurred. */
  constructor(name: string, room: SharedRoom, rowsBefore = 0, keptBefore = 0) {
    this.name = name
    this.#room = room
    this.missing = rowsBefore
    this.#kept = new Float64Array(Math.max(1_024, keptBefore)).fill(Number.NaN)
    this.#keptLength = keptBefore
  }

  /** False once too many cells are no numbers, whatever the remaining ones are. */
  get mayBeNumeric(): boolean {
    return this.misfits.number <= MAX_ROWS * MAX_OTHER_TYPE_SHARE
  }

  /** @returns the cell's number; NaN for none. */
  add(cell: string, isKept: boolean): number {
    const known = this.#learn(cell)
    if (known.isFormula) this.formulas += 1
    const { number } = known
    if (known.isMissing) this.missing += 1
    else if (Number.isNaN(number)) {
      this.misfits.integer += 1
      this.misfits.number += 1
      if (!known.isBoolean) this.misfits.boolean += 1
      if (!known.isDate) this.misfits.date += 1
    } else {
      if (!Number.isInteger(number)) this.misfits.integer += 1
      this.misfits.boolean += 1
      this.misfits.date += 1
      this.#count(number)
    }
    if (!this.mayBeNumeric) {
      this.#kept = NOTHING
      this.#keptLength = 0
    } else if (isKept) this.#keep(number)
    return number
  }

  /** The numbers of the kept rows in order, NaN where there is none. */
  get kept(): Float64Array {
    return this.#kept.subarray(0, this.#keptLength)
  }

  /** Removes every second kept value. */
  thin(): void {
    const { kept } = this
    this.#keptLength = Math.ceil(kept.length / 2)
    for (let index = 0; index < this.#keptLength; index += 1) kept[index] = kept[index * 2] as number
  }

  get type(): { readonly type: ColumnType; readonly unfitting: number } {
    const { integer, number, boolean, date } = this.misfits
    const total = this.#numbers + number
    if (total === 0) return { type: 'empty', unfitting: 0 }
    if (integer === 0) return { type: 'integer', unfitting: 0 }
    for (const [type, unfitting] of Object.entries({ number, boolean, date }))
      if (unfitting <= total * MAX_OTHER_TYPE_SHARE) return { type: type as ColumnType, unfitting }
    return { type: 'text', unfitting: 0 }
  }

  /** Number of stored distinct cells. */
  get distinct(): number {
    let count = 0
    for (const { isMissing } of this.#known.values()) if (!isMissing) count += 1
    return count
  }

  /** The most frequent cells. */
  top(shown: number): readonly { readonly value: string; readonly count: number }[] {
    return [...this.#known]
      .filter(([, { isMissing }]) => !isMissing)
      .sort(([, left], [, right]) => right.count - left.count)
      .slice(0, shown)
      .map(([value, { count }]) => ({ value: value.slice(0, 200), count }))
  }

  /** Over all rows, kept or not, by Welford's algorithm, which loses no precision. */
  get moments() {
    return {
      count: this.#numbers,
      min: this.#min,
      max: this.#max,
      mean: this.#mean,
      standardDeviation: this.#numbers > 1 ? Math.sqrt(this.#squares / (this.#numbers - 1)) : null,
    }
  }

  #learn(cell: string): CellCount {
    const value = cell.trim()
    const met = this.#known.get(value)
    if (met) {
      met.count += 1
      return met
    }
    const missing = isMissing(value)
    const number = missing ? undefined : toNumber(value)
    const isWord = !missing && number === undefined
    const known: CellCount = {
      count: 1,
      isMissing: missing,
      number: number ?? Number.NaN,
      isDate: isWord && isDate(value),
      isBoolean: isWord && isBoolean(value),
      isFormula: /^[=@]|^[-+]\D/.test(cell),
    }
    if (this.#known.size < MAX_DISTINCT_CELLS && this.#room.characters > 0) {
      // Each entry also needs the memory of about 20 characters.
      this.#room.characters -= value.length + 20
      this.#known.set(value, known)
    } else if (!missing) this.isDistinctExact = false
    return known
  }

  #count(number: number): void {
    this.#numbers += 1
    const distance = number - this.#mean
    this.#mean += distance / this.#numbers
    this.#squares += distance * (number - this.#mean)
    if (number < this.#min) this.#min = number
    if (number > this.#max) this.#max = number
  }

  #keep(number: number): void {
    if (this.#keptLength === this.#kept.length) {
      const larger = new Float64Array(this.#kept.length * 2)
      larger.set(this.#kept)
      this.#kept = larger
    }
    this.#kept[this.#keptLength] = number
    this.#keptLength += 1
  }
}
