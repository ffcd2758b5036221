/** Reads a table and calculates its statistics and charts. Runs in a separate thread. */
import { TaskError } from '../../core/kit/index.ts'
import { encodingOf } from '../document-process/read-text.ts'
import { detectKind } from '../document-process/sniff.ts'
import { type Chart, drawCharts } from './charts.ts'
import { readDelimited } from './read-delimited.ts'
import { readJsonLines } from './read-jsonl.ts'
import { readXlsx } from './read-xlsx.ts'
import { type Analysis, analyze } from './statistics.ts'
import { Survey } from './survey.ts'
import type { BrokenRow, TableFormat } from './table.ts'
import { toUtf8 } from './to-utf8.ts'

export interface AnalyzedTable extends Analysis {
  readonly format: TableFormat
  readonly encoding: string | null
  readonly delimiter: string | null
  readonly has_header: boolean
  readonly rows: number
  /** Quartiles, outliers, correlations and charts use every n-th row, from the first. */
  readonly sampled_every: number
  readonly broken_rows: { readonly count: number; readonly examples: readonly BrokenRow[] }
  /** Cells that a spreadsheet would run as a formula; here they are text. */
  readonly formula_cells: number
  readonly charts: readonly Chart[]
}

export interface AnalyzeOrder {
  readonly bytes: Uint8Array
  readonly groupBy: string | undefined
  readonly hasCharts: boolean
}

export async function analyzeTable({ bytes, groupBy, hasCharts }: AnalyzeOrder): Promise<AnalyzedTable> {
  const survey = new Survey(groupBy)
  const found = await readTable(bytes, survey)
  const { rows, step, broken, hasHeader, columns } = survey.end()
  const analysis = await analyze(survey)
  return {
    ...found,
    has_header: hasHeader,
    rows,
    sampled_every: step,
    broken_rows: { count: broken.count, examples: broken.examples },
    formula_cells: columns.reduce((sum, { formulas }) => sum + formulas, 0),
    ...analysis,
    charts: hasCharts ? await drawCharts(columns, analysis) : [],
  }
}

async function readTable(bytes: Uint8Array, survey: Survey) {
  const kind = detectKind(bytes)
  if (kind === 'zip') {
    await readXlsx(bytes, survey)
    return { format: 'xlsx' as const, encoding: null, delimiter: null }
  }
  if (kind === 'ole')
    throw new TaskError('The file wants a password or is an older XLS; save it as XLSX without one.', {
      code: 'table_unsupported',
    })
  if (kind !== undefined)
    throw new TaskError('The file is no table. Send CSV, TSV, JSON lines or XLSX.', {
      code: 'table_unsupported',
    })
  const encoding = await encodingOf(bytes)
  const text = toUtf8(bytes, encoding)
  if (text.includes(0))
    throw new TaskError('The file is no text in an encoding that is known.', { code: 'table_unsupported' })
  const head = text.toString('utf8', 0, 1_000).trimStart()
  if (/^<[!?a-z]/i.test(head))
    throw new TaskError('The file is HTML or XML, no table. Send CSV, TSV, JSON lines or XLSX.', {
      code: 'table_unsupported',
    })
  if (/^\[\s*\{/.test(head))
    throw new TaskError('The file is one JSON list. Send JSON lines: each object on a line of its own.', {
      code: 'table_unsupported',
    })
  if (head.startsWith('{')) {
    readJsonLines(text, survey)
    return { format: 'jsonl' as const, encoding, delimiter: null }
  }
  const delimiter = await readDelimited(text, survey)
  return { format: delimiter === '\t' ? ('tsv' as const) : ('csv' as const), encoding, delimiter }
}
