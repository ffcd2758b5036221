import { TaskError } from '../../core/kit/index.ts'
import { repackOffice } from '../document-process/repack-office.ts'
import { isNumber } from './columns.ts'
import { Broken, damaged, MAX_ROWS, type Table, tooLarge, toTable } from './table.ts'

const MAX_UNPACKED_BYTES = 96_000_000

const bomb = (what: string) => new TaskError(`The XLSX is refused: it has ${what}.`, { code: 'table_bomb' })

/** The first sheet of an XLSX, with the values that its program last worked out; nothing is calculated here. */
export async function readXlsx(bytes: Uint8Array): Promise<Table> {
  const buffer = await repackOffice(bytes, {
    maxUnpackedBytes: MAX_UNPACKED_BYTES,
    bomb,
    damaged: (cause) => damaged('The XLSX is damaged.', cause),
    check: (parts) => {
      if (!parts['xl/workbook.xml'])
        throw new TaskError('The archive is no XLSX.', { code: 'table_unsupported' })
    },
  })
  const { readSheet } = await import('read-excel-file/node')
  const rows = await readSheet(buffer).catch((error: unknown) => {
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
