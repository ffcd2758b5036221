import { TaskError } from '../../core/kit/index.ts'
import { repackOffice } from '../document-process/repack-office.ts'
import type { Survey } from './survey.ts'
import { tableDamaged } from './table.ts'

const MAX_UNPACKED_BYTES = 96_000_000

const bomb = (what: string) => new TaskError(`The XLSX is refused: it has ${what}.`, { code: 'table_bomb' })

/** The first sheet of an XLSX, with the values last calculated by its program; no formulas are evaluated. */
export async function readXlsx(bytes: Uint8Array, survey: Survey): Promise<void> {
  const buffer = await repackOffice(bytes, {
    maxUnpackedBytes: MAX_UNPACKED_BYTES,
    bomb,
    damaged: (cause) => tableDamaged('The XLSX is damaged.', cause),
    check: (parts) => {
      if (!parts['xl/workbook.xml'])
        throw new TaskError('The archive is no XLSX.', { code: 'table_unsupported' })
    },
  })
  const { readSheet } = await import('read-excel-file/node')
  const rows = await readSheet(buffer).catch((error: unknown) => {
    throw tableDamaged('The XLSX is damaged.', error)
  })
  for (const [index, row] of rows.entries()) {
    const cells = row.map(toCell)
    if (cells.some((cell) => cell !== '')) survey.take(cells, index + 1)
  }
}

function toCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (!(value instanceof Date)) return String(value)
  const text = value.toISOString()
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text
}
