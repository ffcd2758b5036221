import * as z from 'zod'
import { defineTask, readSent, uploadShape } from '../../core/kit/index.ts'
import { detectKind } from '../document-process/sniff.ts'
import type { AnalyzedTable, analyzeTable } from './heavy.ts'
import type { Narrative } from './narrate.ts'
import { TABLE_FORMATS } from './table.ts'

const input = z
  .strictObject({
    text: z.string().min(1).max(5_500_000).optional().describe('The table itself: CSV, TSV or JSON lines.'),
    file: z
      .union([
        z.strictObject({
          name: z.string().min(1).max(300).optional().describe('Only its ending is used.'),
          base64: z.base64().min(1, 'is empty').max(6_000_000),
        }),
        uploadShape,
      ])
      .optional()
      .describe('CSV, TSV, JSON lines or XLSX, up to 6 MB here or uploaded; detected from its bytes.'),
    group_by: z.string().min(1).max(200).optional().describe('A column by whose values rows are grouped.'),
    question: z.string().min(1).max(2_000).optional().describe('What the narrative should answer.'),
    narrative: z.boolean().default(true).describe('Let the model put the numbers into words.'),
    charts: z.boolean().default(true),
  })
  .superRefine(({ text, file: sent }, context) => {
    const file = sent && 'base64' in sent ? sent : undefined
    if ((text === undefined) === (sent === undefined))
      context.addIssue({ code: 'custom', path: ['text'], message: 'or file: send one of them.' })
    if (text?.trim() === '') context.addIssue({ code: 'custom', path: ['text'], message: 'is blank' })
    const kind = file && detectKind(Buffer.from(file.base64.slice(0, 2_000), 'base64'))
    if (file?.name?.toLowerCase().endsWith('.xlsx') && kind !== 'zip' && kind !== 'ole')
      context.addIssue({ code: 'custom', path: ['file', 'base64'], message: 'is no XLSX by its bytes' })
    if (kind === 'pdf' || kind === 'other binary')
      context.addIssue({ code: 'custom', path: ['file', 'base64'], message: 'is no table by its bytes' })
  })

const count = z.int().min(0)
const output = z.object({
  format: z.enum(TABLE_FORMATS),
  encoding: z.string().nullable(),
  delimiter: z.string().nullable(),
  has_header: z.boolean(),
  rows: count,
  sampled_every: z
    .int()
    .min(1)
    .describe(
      'Quartiles, outliers, correlations and charts use every n-th row; 1 when all rows fit into memory. Everything else uses all rows.',
    ),
  broken_rows: z.object({ count, examples: z.array(z.object({ line: count, problem: z.string() })) }),
  formula_cells: count.describe('Cells that a spreadsheet would run as a formula; here they are text.'),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.enum(['integer', 'number', 'boolean', 'date', 'text', 'empty']),
      missing: count,
      unfitting: count.describe('Cells of another type than the column’s.'),
      distinct: count,
      distinct_is_exact: z.boolean().describe('False when there are more than could be counted.'),
      top: z.array(z.object({ value: z.string(), count })),
      numbers: z
        .object({
          min: z.number(),
          max: z.number(),
          mean: z.number(),
          median: z.number(),
          q1: z.number(),
          q3: z.number(),
          standard_deviation: z.number().nullable(),
          outliers: z.object({ count, examples: z.array(z.object({ row: count, value: z.number() })) }),
        })
        .nullable(),
    }),
  ),
  correlations: z.array(z.object({ columns: z.array(z.string()).length(2), r: z.number(), rows: count })),
  groups: z.array(z.object({ value: z.string(), count, means: z.record(z.string(), z.number()) })),
  charts: z.array(z.object({ title: z.string(), svg: z.string() })),
  narrative: z
    .string()
    .nullable()
    .describe('Null when not requested, or when the model cited a number that was not calculated.'),
  narrative_refused: z.array(z.string()).describe('Numbers for which the narrative was refused.'),
})

export default defineTask({
  name: 'data.analyze',
  summary:
    'Analyzes a table: types, statistics, outliers, correlations, groups and charts, and describes them in words.',
  version: 1,
  lane: 'documents',
  needs: ['model', 'files'],
  limits: { maxCostUsd: 0.5 },
  accepts: ['text/plain', 'application/zip', 'application/x-ole-storage'],
  input,
  output,
  run: async ({ input, model, files, step, heavy, progress }) => {
    progress(5, 'reading and calculating')
    const { file } = input
    const open = async () => ({
      bytes: file ? (await readSent(files, file)).bytes : Buffer.from(input.text ?? ''),
      groupBy: input.group_by,
      hasCharts: input.charts,
    })
    const table = await step('analyze', () => heavy<typeof analyzeTable>('data-analyze/analyzeTable', open))
    const noNarrative = { narrative: null, narrative_refused: [] }
    if (!input.narrative) return toOutput(table, noNarrative)
    progress(60, 'putting it into words')
    return toOutput(
      table,
      await step('narrative', async () =>
        (await import('./narrate.ts')).narrate(model, table, input.question),
      ),
    )
  },
})

const toOutput = (table: AnalyzedTable, narrative: Narrative) => output.parse({ ...table, ...narrative })
