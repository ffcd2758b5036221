/** What the cells of a column are. */

export type ColumnType = 'integer' | 'number' | 'boolean' | 'date' | 'text' | 'empty'

/** What people write where there is nothing. */
const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '-', '--', '#n/a'])
export const isMissing = (cell: string): boolean => MISSING.has(cell.trim().toLowerCase())

const PLAIN = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?$/i
/** 1,234.5 and 1.234,5: groups of three, and then the other mark. */
const GROUPED = /^[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/
const EUROPEAN = /^[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+$/
const DATE = /^\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[-+]\d{2}:?\d{2})?)?$/

/** @returns the number a cell stands for; undefined for anything else. A ZIP code's leading zero makes it a word. */
export function toNumber(cell: string): number | undefined {
  const text = cell.trim()
  if (/^[-+]?0\d/.test(text)) return undefined
  if (PLAIN.test(text)) return finite(Number(text))
  if (GROUPED.test(text)) return finite(Number(text.replaceAll(',', '')))
  if (EUROPEAN.test(text)) return finite(Number(text.replaceAll('.', '').replace(',', '.')))
  return undefined
}
const finite = (value: number) => (Number.isFinite(value) ? value : undefined)

export const isNumber = (cell: string): boolean => toNumber(cell) !== undefined

export const isDate = (cell: string): boolean =>
  DATE.test(cell.trim()) && !Number.isNaN(Date.parse(cell.trim().replaceAll('/', '-')))
export const isBoolean = (cell: string): boolean => /^(?:true|false|yes|no)$/i.test(cell.trim())
