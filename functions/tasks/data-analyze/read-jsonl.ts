import { isNumber } from './columns.ts'
import { Broken, MAX_ROW_CHARACTERS, MAX_ROWS, type Table, tooLarge, toTable } from './table.ts'

/** One JSON object a line; columns are all keys, in the order in which they first come. */
export function readJsonLines(text: string): Table {
  const broken = new Broken()
  const objects: { readonly value: Record<string, unknown>; readonly line: number }[] = []
  const columns = new Set<string>()
  let line = 0
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    line += 1
    const row = text.slice(at, end).trim()
    at = end + 1
    if (row === '') continue
    if (row.length > MAX_ROW_CHARACTERS) {
      broken.add(line, `is longer than ${MAX_ROW_CHARACTERS} characters`)
      continue
    }
    const value = toObject(row)
    if (!value) {
      broken.add(line, 'is no JSON object')
      continue
    }
    for (const name of Object.keys(value)) columns.add(name)
    objects.push({ value, line })
    if (objects.length > MAX_ROWS) throw tooLarge(`more than ${MAX_ROWS} rows`)
  }
  const names = [...columns]
  const rows = objects.map(({ value, line }) => ({ line, cells: names.map((name) => toCell(value[name])) }))
  const header = names.length ? [{ cells: names, line: 0 }] : []
  const table = toTable([...header, ...rows], broken, isNumber)
  return table.hasHeader ? table : { ...table, columns: names, rows: table.rows.slice(1), hasHeader: true }
}

function toObject(row: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(row)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const toCell = (value: unknown): string =>
  value === null || value === undefined
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)
