import type { Survey } from './survey.ts'
import { MAX_ROW_CHARACTERS, tableDamaged } from './table.ts'

const DELIMITERS = [',', '\t', ';', '|'] as const
const SAMPLE_BYTES = 64_000

/** The first match ends a line; one file may use several. */
const LINE_ENDS = ['\r\n', '\n', '\r']
const COMMON = {
  bom: true,
  record_delimiter: LINE_ENDS,
  relax_column_count: true,
  relax_quotes: true,
  skip_empty_lines: true,
}

/**
 * Reads CSV and similar formats with csv-parse, which passes row after row to the survey and stores none.
 *
 * @returns the delimiter: the one with which most rows have the same width.
 */
export async function readDelimited(text: Buffer, survey: Survey): Promise<string> {
  const { parse } = await import('csv-parse/sync')
  // A line for spreadsheet programs that names the delimiter and is not a row.
  const [line, declared] = /^\ufeff?sep=([,;|\t])\r?\n/i.exec(text.toString('utf8', 0, 12)) ?? []
  if (line && declared) {
    readRows(parse, text.subarray(Buffer.byteLength(line)), declared, survey, 1)
    return declared
  }
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
  readRows(parse, text, delimiter, survey)
  return delimiter
}

/** An unclosed quote would take up the rest of the table: only its line counts as broken, and reading continues after it. */
function readRows(parse: Parse, text: Buffer, delimiter: string, survey: Survey, skippedLines = 0): void {
  let from = 0
  let linesBefore = skippedLines
  for (;;) {
    let end = from
    try {
      parse(text.subarray(from), {
        ...COMMON,
        delimiter,
        max_record_size: MAX_ROW_CHARACTERS,
        on_record: (cells: string[], { lines, bytes }) => {
          end = from + bytes
          survey.take(cells, linesBefore + lines)
          return undefined
        },
      })
      return
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'CSV_MAX_RECORD_SIZE' && code !== 'CSV_QUOTE_NOT_CLOSED')
        throw code?.startsWith('CSV_') ? tableDamaged('The table cannot be read.', error) : error
    }
    while (isLineEnd(text[end])) end += 1
    linesBefore += linesIn(text, from, end)
    const start = end
    while (end < text.length && !isLineEnd(text[end])) end += 1
    if (end - start > MAX_ROW_CHARACTERS)
      throw tableDamaged(`A row is longer than ${MAX_ROW_CHARACTERS} characters: this is no table.`)
    survey.broken.add(linesBefore + 1, 'has a quote that is not closed')
    from = end
  }
}

const isLineEnd = (byte: number | undefined): boolean => byte === 0x0a || byte === 0x0d

function linesIn(text: Buffer, from: number, to: number): number {
  let lines = 0
  for (let at = from; at < to; at += 1)
    if (text[at] === 0x0a || (text[at] === 0x0d && text[at + 1] !== 0x0a)) lines += 1
  return lines
}

type Parse = typeof import('csv-parse/sync').parse

function sampleOf(parse: Parse, text: string, delimiter: string): readonly string[][] {
  try {
    return parse(text, {
      ...COMMON,
      delimiter,
      max_record_size: SAMPLE_BYTES,
      skip_records_with_error: true,
      to: 200,
    }) as string[][]
  } catch {
    return []
  }
}

/** Share of rows with the most frequent width; a larger width is better. */
function evenness(rows: readonly string[][]): number {
  const counts = new Map<number, number>()
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1)
  const [width = 0, count = 0] = [...counts].sort(([, left], [, right]) => right - left)[0] ?? []
  return width < 2 ? 0 : (count / rows.length) * (1 + Math.log2(width) / 10)
}
