import type { Survey } from './survey.ts'
import { MAX_ROW_CHARACTERS } from './table.ts'

/** One JSON object per line; columns are all keys, in the order of their first occurrence. */
export function readJsonLines(text: Buffer, survey: Survey): void {
  let line = 0
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf(0x0a, at)
    const end = newline < 0 ? text.length : newline
    const start = at
    line += 1
    at = end + 1
    if (end - start > MAX_ROW_CHARACTERS) {
      survey.broken.add(line, `is longer than ${MAX_ROW_CHARACTERS} bytes`)
      continue
    }
    const row = text.toString('utf8', start, end).trim()
    if (row === '') continue
    const value = toObject(row)
    if (!value) {
      survey.broken.add(line, 'is no JSON object')
      continue
    }
    const cells = toCells(value)
    if (cells) survey.takeNamed(cells)
    else survey.broken.add(line, 'is nested too deeply')
  }
}

function toObject(row: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(row)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Nested values are written as JSON, which fails when they are nested too deeply for the stack. */
function toCells(row: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> | undefined {
  try {
    return new Map(Object.entries(row).map(([name, cell]) => [name, toCell(cell)]))
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const toCell = (value: unknown): string =>
  value === null || value === undefined
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)
