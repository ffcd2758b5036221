import { TaskError } from '../../core/kit/index.ts'
import { isNumber } from './columns.ts'
import { Broken, damaged, MAX_ROWS, type Table, tooLarge, toTable } from './table.ts'

const MAX_UNPACKED_BYTES = 96_000_000
const MAX_ENTRIES = 10_000

const bomb = (what: string) => new TaskError(`The XLSX is refused: it has ${what}.`, { code: 'table_bomb' })

/**
 * The first sheet of an XLSX, with the values that its program last worked out; nothing is calculated here.
 *
 * The reader gets an archive made anew from the parts that hold cells: unpacked sizes are counted before a byte is
 * unpacked, and a part that lies about its size is cut at what it declared.
 */
export async function readXlsx(bytes: Uint8Array): Promise<Table> {
  const { unzipSync, zipSync, strFromU8 } = await import('fflate')
  let total = 0
  let entries = 0
  let parts: Record<string, Uint8Array>
  try {
    parts = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        entries += 1
        if (entries > MAX_ENTRIES) throw bomb(`more than ${MAX_ENTRIES} parts`)
        if (!/\.(?:xml|rels)$/i.test(name)) return false
        total += originalSize
        if (total > MAX_UNPACKED_BYTES) throw bomb(`more than ${MAX_UNPACKED_BYTES / 1_000_000} MB unpacked`)
        return true
      },
    })
  } catch (error) {
    throw error instanceof TaskError ? error : damaged('The XLSX is damaged.', error)
  }
  if (!parts['xl/workbook.xml']) throw new TaskError('The archive is no XLSX.', { code: 'table_unsupported' })
  for (const part of Object.values(parts))
    if (strFromU8(part.subarray(0, 2_000), true).includes('<!DOCTYPE'))
      throw bomb('a document type declaration')
  const { readSheet } = await import('read-excel-file/node')
  const rows = await readSheet(Buffer.from(zipSync(parts, { level: 0 }))).catch((error: unknown) => {
    throw damaged('The XLSX is damaged.', error)
  })
  if (rows.length > MAX_ROWS + 1) throw tooLarge(`${rows.length} rows`)
  const records = rows
    .map((cells, index) => ({ line: index + 1, cells: cells.map(toCell) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
  return toTable(records, new Broken(), isNumber)
}

function toCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (!(value instanceof Date)) return String(value)
  const text = value.toISOString()
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text
}
