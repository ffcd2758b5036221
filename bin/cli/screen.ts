/** Text for terminals: colours, columns, bars, durations. Pure, so that tests can check what a terminal shows. */
import stringWidth from 'string-width'
import type { Status } from '../../lib/client/types.ts'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta'
export type Paint = (style: Style, text: string) => string

export const withoutStyle: Paint = (_, text) => text

const STATUS_STYLES: Readonly<Record<Status, Style>> = {
  SCHEDULED: 'dim',
  PENDING: 'yellow',
  PROCESSING: 'cyan',
  RETRYING: 'magenta',
  COMPLETED: 'green',
  FAILED: 'red',
  CANCELLED: 'yellow',
  EXPIRED: 'yellow',
}

export const paintStatus = (paint: Paint, status: Status): string => paint(STATUS_STYLES[status], status)

// Prompts and results come from other people: neither an escape sequence nor a character that changes the writing direction
// may control the terminal.
const CONTROL = /(?![\t\n])[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu

/** @returns the text without control characters, except tab and line end. */
export const withoutControls = (text: string): string => text.replace(CONTROL, '')

// The sequences that {@link Paint} writes: bold, dim, colours, and their ends. Others could hide or overwrite text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with one
const STYLE_SEQUENCE = /(\u001B\[(?:1|2|22|3[12356]|39)m)/
const ENDS: Readonly<Record<string, 'color' | 'weight'>> = { '\u001B[39m': 'color', '\u001B[22m': 'weight' }

/**
 * Cleans text for a terminal; every command's output passes it. The CLI's own colours are kept, all other control
 * characters are removed. Output to a file or a pipe is not changed.
 */
export function forTerminal(text: string, { isTTY }: { readonly isTTY?: boolean }): string {
  if (!isTTY) return text
  const open = new Set<'color' | 'weight'>()
  const shown = text.split(STYLE_SEQUENCE).map((part) => {
    if (!STYLE_SEQUENCE.test(part)) return withoutControls(part)
    const ended = ENDS[part]
    if (ended) open.delete(ended)
    else open.add(part.includes('[3') ? 'color' : 'weight')
    return part
  })
  // A caller's text may contain colours without an end, so end them here.
  return `${shown.join('')}${open.size > 0 ? '\u001B[39;22m' : ''}`
}

export const oneLine = (text: string): string => withoutControls(text.replace(/\s+/g, ' ')).trim()

const graphemes = new Intl.Segmenter()

/** Shortened to a width in columns; Chinese characters and emoji take two. Not for coloured text. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let clipped = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment)
    if (used > width - 1) break
    clipped += segment
  }
  return `${clipped}…`
}

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - stringWidth(text)))

/**
 * Columns as wide as their widest cell, separated by two spaces. Cells may be coloured.
 *
 * @param columns width of the screen, to which the last column's text is shortened.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { paint = withoutStyle, columns = Number.POSITIVE_INFINITY }: { paint?: Paint; columns?: number } = {},
): string {
  const widths = head.map((title, index) =>
    Math.max(stringWidth(title), ...rows.map((row) => stringWidth(row[index] ?? ''))),
  )
  const left = columns - widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0)
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) =>
        index === head.length - 1 ? clip(cell, Math.max(10, left)) : pad(cell, widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [paint('bold', line(head)), ...rows.map(line)].join('\n')
}

/** `name   value` lines with aligned values; further lines of a value are indented below its first. */
export function factLines(pairs: readonly (readonly [string, string | undefined])[], paint: Paint): string {
  const given = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
  const width = Math.max(0, ...given.map(([name]) => stringWidth(name)))
  const under = `\n${' '.repeat(width + 2)}`
  return given
    .map(([name, value]) => `${paint('dim', pad(name, width))}  ${value.replaceAll('\n', under)}`)
    .join('\n')
}

/**
 * The lines that fit on a screen, and how many of its rows they take: a line wider than the screen takes several. Moving the
 * cursor back by lines instead of rows would overwrite other text.
 */
export function fitToScreen(
  lines: readonly string[],
  screen: { readonly columns: number; readonly rows: number },
): { readonly lines: readonly string[]; readonly rows: number } {
  const fit: string[] = []
  let rows = 0
  for (const line of lines) {
    const more = Math.max(1, Math.ceil(stringWidth(line) / Math.max(1, screen.columns)))
    // Lines below the last row could not be overwritten later.
    if (fit.length > 0 && rows + more > screen.rows - 1) break
    fit.push(line)
    rows += more
  }
  return { lines: fit, rows }
}

export function progressBarText(percent: number, width = 20): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

/** `850 ms`, `12 s`, `3 min`, `2 h`, `5 d`. */
export function durationText(ms: number): string {
  const positive = Math.max(0, ms)
  if (positive < 1_000) return `${Math.round(positive)} ms`
  if (positive < 120_000) return `${Math.floor(positive / 1_000)} s`
  if (positive < 7_200_000) return `${Math.floor(positive / 60_000)} min`
  if (positive < 172_800_000) return `${Math.floor(positive / 3_600_000)} h`
  return `${Math.floor(positive / 86_400_000)} d`
}

export const costText = (usd: number | null): string =>
  usd === null ? 'price not known' : `$${usd.toFixed(6)}`
