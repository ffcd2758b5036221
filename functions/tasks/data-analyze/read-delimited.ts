import { isNumber } from './columns.ts'
import { Broken, damaged, MAX_ROW_CHARACTERS, MAX_ROWS, type Table, tooLarge, toTable } from './table.ts'

const DELIMITERS = [',', '\t', ';', '|'] as const
const SAMPLE_CHARACTERS = 64_000

/** CSV and its relatives by csv-parse; the delimiter is the one that gives the most even rows. */
export async function readDelimited(text: string): Promise<{ table: Table; delimiter: string }> {
  const { parse } = await import('csv-parse/sync')
  const sample = text.slice(0, SAMPLE_CHARACTERS)
  const lastLine = sample.lastIndexOf('\n')
  const whole = text.length > sample.length && lastLine > 0 ? sample.slice(0, lastLine) : sample
  let delimiter: string = ','
  let best = 0
  for (const candidate of DELIMITERS) {
    const score = evenness(sampleOf(parse, whole, candidate))
    if (score > best) {
      best = score
      delimiter = candidate
    }
  }
  const broken = new Broken()
  try {
    const records = parse(text, {
      delimiter,
      bom: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      max_record_size: MAX_ROW_CHARACTERS,
      to: MAX_ROWS + 2,
      info: true,
      on_skip: (error) => {
        if (error?.code === 'CSV_MAX_RECORD_SIZE') throw error
        broken.add(Number(error?.lines ?? 0), error?.message ?? 'cannot be read')
        return undefined
      },
    }) as unknown as { record: string[]; info: { lines: number } }[]
    if (records.length > MAX_ROWS + 1) throw tooLarge(`more than ${MAX_ROWS} rows`)
    const rows = records.map(({ record, info }) => ({ cells: record, line: info.lines }))
    return { table: toTable(rows, broken, isNumber), delimiter }
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'CSV_MAX_RECORD_SIZE')
      throw damaged(`A row is longer than ${MAX_ROW_CHARACTERS} characters: this is no table.`)
    throw code?.startsWith('CSV_') ? damaged('The table cannot be read.', error) : error
  }
}

type Parse = typeof import('csv-parse/sync').parse

function sampleOf(parse: Parse, text: string, delimiter: string): readonly string[][] {
  try {
    return parse(text, {
      delimiter,
      bom: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: SAMPLE_CHARACTERS,
      to: 200,
    }) as string[][]
  } catch {
    return []
  }
}

/** The share of rows that are as wide as most, and wide is better than narrow. */
function evenness(rows: readonly string[][]): number {
  const counts = new Map<number, number>()
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1)
  const [width = 0, count = 0] = [...counts].sort(([, left], [, right]) => right - left)[0] ?? []
  return width < 2 ? 0 : (count / rows.length) * (1 + Math.log2(width) / 10)
}
