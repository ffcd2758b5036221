/** Reads a table and works out its numbers and charts. Runs in a thread of its own. */
import { TaskError } from '../../core/kit/index.ts'
import { decodeText } from '../document-process/read-text.ts'
import { provenKind } from '../document-process/sniff.ts'
import { type Chart, drawCharts } from './charts.ts'
import { readDelimited } from './read-delimited.ts'
import { readJsonLines } from './read-jsonl.ts'
import { readXlsx } from './read-xlsx.ts'
import { type Analysis, analyze } from './statistics.ts'
import type { Table, TableFormat } from './table.ts'

export interface AnalyzedTable extends Analysis {
  readonly format: TableFormat
  readonly encoding: string | null
  readonly delimiter: string | null
  readonly has_header: boolean
  readonly rows: number
  readonly broken_rows: Table['broken']
  /** Cells that a spreadsheet would run as a formula; here they are words. */
  readonly formula_cells: number
  readonly charts: readonly Chart[]
}

export interface AnalyzeOrder {
  readonly bytes: Uint8Array
  readonly groupBy: string | undefined
  readonly hasCharts: boolean
}

export async function analyzeTable({ bytes, groupBy, hasCharts }: AnalyzeOrder): Promise<AnalyzedTable> {
  const { table, ...found } = await readTable(bytes)
  if (groupBy !== undefined && !table.columns.includes(groupBy))
    throw new TaskError(
      `There is no column "${groupBy.slice(0, 100)}". Columns: ${table.columns.slice(0, 30).join(', ').slice(0, 500)}.`,
      { code: 'unknown_column' },
    )
  const analysis = await analyze(table, groupBy)
  return {
    ...found,
    has_header: table.hasHeader,
    rows: table.rows.length,
    broken_rows: table.broken,
    formula_cells: table.rows.reduce(
      (sum, row) => sum + row.filter((cell) => /^[=@]|^[-+]\D/.test(cell)).length,
      0,
    ),
    ...analysis,
    charts: hasCharts ? await drawCharts(table, analysis) : [],
  }
}

async function readTable(bytes: Uint8Array) {
  const kind = provenKind(bytes)
  if (kind === 'zip')
    return { format: 'xlsx' as const, encoding: null, delimiter: null, table: await readXlsx(bytes) }
  if (kind === 'ole')
    throw new TaskError('The file wants a password or is an older XLS; save it as XLSX without one.', {
      code: 'table_unsupported',
    })
  if (kind !== undefined)
    throw new TaskError('The file is no table. Send CSV, TSV, JSON lines or XLSX.', {
      code: 'table_unsupported',
    })
  const { text, encoding } = await decodeText(bytes)
  if (text.trimStart().startsWith('{'))
    return { format: 'jsonl' as const, encoding, delimiter: null, table: readJsonLines(text) }
  const { table, delimiter } = await readDelimited(text)
  return { format: delimiter === '\t' ? ('tsv' as const) : ('csv' as const), encoding, delimiter, table }
}
