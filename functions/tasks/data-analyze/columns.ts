/** Detects the type of a cell. */

export type ColumnType = 'integer' | 'number' | 'boolean' | 'date' | 'text' | 'empty'

/** Usual texts for a missing value. */
const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '-', '--', '#n/a'])
export const isMissing = (cell: string): boolean => MISSING.has(cell.trim().toLowerCase())

const PLAIN = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?$/i
/** 1,234.5 and 1.234,5: groups of three digits, and the other character as decimal mark. */
const GROUPED = /^[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/
const EUROPEAN = /^[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+$/
/** 1 234 567 and 1 234,5, with any kind of space. */
const SPACED = /^[-+]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?$/
/** Currency and percent signs, which are removed; the number is not converted. */
const UNIT = /^([-+]?)\s*[$€£¥]\s*(?=[\d.])|\s*[%€£¥$]$/g
const TIME = /(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?(?:Z|[-+]\d{2}:?\d{2})?)?$/i.source
const DATE = new RegExp(`^\\d{4}[-/]\\d{1,2}[-/]\\d{1,2}${TIME}`, 'i')
/** Day and month first, in either order: 31.12.2024, 12/31/2024. */
const DAY_FIRST = new RegExp(`^(\\d{1,2})([-/.])(\\d{1,2})\\2\\d{4}${TIME}`, 'i')
const NAMED_MONTH =
  /^(?:\d{1,2}[- ])?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[- ](?:\d{1,2},? )?\d{4}$/i

/** More than any number or date has. */
const MAX_CHARACTERS = 500

/** @returns the number in a cell; undefined for any other cell, also for one with a leading zero, such as a ZIP code. */
export function toNumber(cell: string): number | undefined {
  const plain = cell.trim()
  if (plain.length > MAX_CHARACTERS) return undefined
  if (/^[-+]?0\d/.test(plain)) return undefined
  if (PLAIN.test(plain)) return finite(Number(plain))
  const text = plain.replace(UNIT, '$1')
  if (/^[-+]?0\d/.test(text)) return undefined
  if (PLAIN.test(text)) return finite(Number(text))
  if (GROUPED.test(text)) return finite(Number(text.replaceAll(',', '')))
  if (SPACED.test(text)) return finite(Number(text.replace(/[ \u00a0\u202f]/g, '').replace(',', '.')))
  if (EUROPEAN.test(text)) return finite(Number(text.replaceAll('.', '').replace(',', '.')))
  return undefined
}
const finite = (value: number) => (Number.isFinite(value) ? value : undefined)

export const isNumber = (cell: string): boolean => toNumber(cell) !== undefined

export function isDate(cell: string): boolean {
  const text = cell.trim()
  if (DATE.test(text)) return !Number.isNaN(Date.parse(text.replaceAll('/', '-')))
  const [, first, , second] = DAY_FIRST.exec(text) ?? []
  if (first && second)
    return (
      Math.min(+first, +second) >= 1 && Math.min(+first, +second) <= 12 && Math.max(+first, +second) <= 31
    )
  return NAMED_MONTH.test(text)
}
export const isBoolean = (cell: string): boolean => /^(?:true|false|yes|no)$/i.test(cell.trim())
