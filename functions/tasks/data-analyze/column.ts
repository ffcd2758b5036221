import { type ColumnType, isBoolean, isDate, isMissing, toNumber } from './columns.ts'
import { MAX_ROWS } from './table.ts'

/** The share of cells that may be of another type than the column's. */
const STRANGERS = 0.05

const NOTHING = new Float64Array(0)

/** What one cell is, and how often it came. */
interface Known {
  count: number
  readonly isMissing: boolean
  /** NaN for what is none. */
  readonly number: number
  readonly isDate: boolean
  readonly isBoolean: boolean
  readonly isFormula: boolean
}

/** Different cells of one column that are kept, at some 100 bytes each. */
const MAX_KNOWN = 50_000

/** How many characters of different cells all columns of a table may keep together. */
export interface Room {
  characters: number
}

/**
 * Learns a column cell by cell: a table of 100 MB has 20 million cells, which as strings would need a gigabyte. What is
 * kept is each different cell once, as long as there is room, and the numbers as doubles.
 */
export class Column {
  readonly name: string
  missing = 0
  /** Cells that are no integer, no number and so on; those that are missing are in none. */
  readonly misfits = { integer: 0, number: 0, boolean: 0, date: 0 }
  /** True while every different cell has found room. */
  isDistinctExact = true
  formulas = 0
  readonly #known = new Map<string, Known>()
  readonly #room: Room
  #numbers = 0
  #mean = 0
  #squares = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #kept: Float64Array
  #keptLength: number

  /** @param keptBefore rows that were kept before this column was met. */
  constructor(name: string, room: Room, rowsBefore = 0, keptBefore = 0) {
    this.name = name
    this.#room = room
    this.missing = rowsBefore
    this.#kept = new Float64Array(Math.max(1_024, keptBefore)).fill(Number.NaN)
    this.#keptLength = keptBefore
  }

  /** False as soon as too many cells are none, even if all that may come are. */
  get mayBeNumeric(): boolean {
    return this.misfits.number <= MAX_ROWS * STRANGERS
  }

  /** @returns the number that the cell is; NaN for none. */
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

  /** The numbers of the kept rows in their order, NaN where there is none. */
  get kept(): Float64Array {
    return this.#kept.subarray(0, this.#keptLength)
  }

  /** Keeps every second of the kept. */
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
      if (unfitting <= total * STRANGERS) return { type: type as ColumnType, unfitting }
    return { type: 'text', unfitting: 0 }
  }

  /** Different cells that were kept. */
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

  /** Over all rows, kept or not, by Welford's way, which loses no digits. */
  get moments() {
    return {
      count: this.#numbers,
      min: this.#min,
      max: this.#max,
      mean: this.#mean,
      standardDeviation: this.#numbers > 1 ? Math.sqrt(this.#squares / (this.#numbers - 1)) : null,
    }
  }

  #learn(cell: string): Known {
    const value = cell.trim()
    const met = this.#known.get(value)
    if (met) {
      met.count += 1
      return met
    }
    const missing = isMissing(value)
    const number = missing ? undefined : toNumber(value)
    const isWord = !missing && number === undefined
    const known: Known = {
      count: 1,
      isMissing: missing,
      number: number ?? Number.NaN,
      isDate: isWord && isDate(value),
      isBoolean: isWord && isBoolean(value),
      isFormula: /^[=@]|^[-+]\D/.test(cell),
    }
    if (this.#known.size < MAX_KNOWN && this.#room.characters > 0) {
      // Some 20 characters' worth of memory goes with each.
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
