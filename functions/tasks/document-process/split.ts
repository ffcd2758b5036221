import type { Heading } from './heavy.ts'

export interface Part {
  /** The heading above the part; empty before the first. */
  readonly heading: string
  readonly start: number
  readonly end: number
}

/**
 * Splits a text into parts of at most `most` characters: at headings where possible, else between paragraphs, else
 * between sentences or words. The parts have no gaps and no overlap, so that an offset in a part plus its start is an offset
 * in the text. Short neighbouring parts are joined.
 */
export function splitText(text: string, headings: readonly Heading[], most: number): readonly Part[] {
  const starts = [0, ...headings.map(({ start }) => start).filter((start) => start > 0), text.length]
  const titles = new Map(headings.map(({ start, title }) => [start, title]))
  const parts: Part[] = []
  for (const [index, start] of starts.slice(0, -1).entries()) {
    const end = starts[index + 1] as number
    const last = parts.at(-1)
    if (last && end - last.start <= most) parts[parts.length - 1] = { ...last, end }
    else parts.push(...splitSection(text, { heading: titles.get(start) ?? '', start, end }, most))
  }
  return parts.filter(({ start, end }) => text.slice(start, end).trim() !== '')
}

function splitSection(text: string, section: Part, most: number): Part[] {
  const parts: Part[] = []
  let { start } = section
  while (section.end - start > most) {
    const window = text.slice(start, start + most)
    const at = lastBreak(window)
    parts.push({ ...section, start, end: start + at })
    start += at
  }
  if (start < section.end) parts.push({ ...section, start })
  return parts
}

/** Where the last paragraph, sentence or word of the window ends; never inside a surrogate pair. */
function lastBreak(window: string): number {
  const floor = window.length / 2
  for (const mark of ['\n\n', '\n', '。', '. ', '！', '？', ' ']) {
    const at = window.lastIndexOf(mark)
    if (at >= floor) return at + mark.length
  }
  const code = window.charCodeAt(window.length - 1)
  return code >= 0xd800 && code <= 0xdbff ? window.length - 1 : window.length
}
