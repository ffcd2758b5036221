import type { Survey } from './survey.ts'
import { damaged, MAX_ROW_CHARACTERS } from './table.ts'

const DELIMITERS = [',', '\t', ';', '|'] as const
const SAMPLE_BYTES = 64_000

/** The first that ends a line here ends it; a file may have several. */
const LINE_ENDS = ['\r\n', '\n', '\r']
const COMMON = {
  bom: true,
  record_delimiter: LINE_ENDS,
  relax_column_count: true,
  relax_quotes: true,
  skip_empty_lines: true,
}

/**
 * CSV and its relatives by csv-parse, which gives row after row to the survey and keeps none.
 *
 * @returns the delimiter: the one that gives the most even rows.
 */
export async function readDelimited(text: Buffer, survey: Survey): Promise<string> {
  const { parse } = await import('csv-parse/sync')
  const sample = text.toString('utf8', 0, SAMPLE_BYTES)
  const lastLine = Math.max(sample.lastIndexOf('\n'), sample.lastIndexOf('\r'))
  const whole = text.length > SAMPLE_BYTES && lastLine > 0 ? sample.slice(0, lastLine) : sample
  let delimiter: string = ','
  let best = 0
  for (const candidate of DELIMITERS) {
    const score = evenness(sampleOf(parse, whole, candidate))
    if (score > best) {
      best = score
      delimiter = candidate
    }
  }
  try {
    parse(text, {
      ...COMMON,
      delimiter,
      skip_records_with_error: true,
      max_record_size: MAX_ROW_CHARACTERS,
      on_record: (cells: string[], { lines }) => {
        survey.take(cells, lines)
        return undefined
      },
      on_skip: (error) => {
        if (error?.code === 'CSV_MAX_RECORD_SIZE') throw error
        survey.broken.add(Number(error?.lines ?? 0), error?.message ?? 'cannot be read')
        return undefined
      },
    })
    return delimiter
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
      ...COMMON,
      delimiter,
      max_record_size: SAMPLE_BYTES,
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
