import { TaskError } from '../../core/kit/index.ts'
import { withBoundedBuffers } from './bounded-buffers.ts'
import { CjkTables } from './cjk-encodings.ts'
import type { Heading } from './heavy.ts'
import { MAX_CHARACTERS, MAX_PAGES, tooLong } from './limits.ts'

interface Line {
  text: string
  /** Height of its largest letters, in points. */
  height: number
  y: number
}

/** No console output; encoding tables come from this module, and nothing is loaded from outside. */
const OPTIONS = {
  verbosity: 0,
  useWorkerFetch: false,
  cMapUrl: 'none/',
  cMapPacked: false,
  BinaryDataFactory: CjkTables,
}

interface PdfText {
  readonly text: string
  readonly pages: number
  readonly headings: readonly Heading[]
}

/** Text of a PDF, page by page in drawing order, by pdf.js; runs no scripts and renders nothing. */
export const readPdf = (bytes: Uint8Array): Promise<PdfText> => withBoundedBuffers(() => readPages(bytes))

async function readPages(bytes: Uint8Array): Promise<PdfText> {
  // A copy, because pdf.js detaches the buffer that it is given.
  const { getDocumentProxy } = await import('unpdf')
  const pdf = await getDocumentProxy(new Uint8Array(bytes), OPTIONS).catch((error: Error) => {
    throw error.name === 'PasswordException'
      ? new TaskError('The PDF wants a password.', { code: 'document_encrypted' })
      : new TaskError('The PDF is damaged.', { code: 'document_damaged', cause: error })
  })
  if (pdf.numPages > MAX_PAGES) throw tooLong(`${pdf.numPages} pages`)
  const lines: Line[] = []
  let characters = 0
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const read = async () => {
      const page = await pdf.getPage(number)
      return { page, items: (await page.getTextContent()).items }
    }
    const { page, items } = await read().catch((error: Error) => {
      throw error instanceof RangeError
        ? error
        : new TaskError(`Page ${number} of the PDF is damaged.`, { code: 'document_damaged', cause: error })
    })
    let line: Line | undefined
    for (const item of items) {
      if (!('str' in item)) continue
      line ??= { text: '', height: 0, y: Number(item.transform[5]) }
      line.text += item.str
      characters += item.str.length
      if (item.str.trim() !== '') line.height = Math.max(line.height, Math.round(item.height))
      if (!item.hasEOL) continue
      lines.push(line)
      line = undefined
    }
    if (line) lines.push(line)
    page.cleanup()
    if (characters > MAX_CHARACTERS) throw tooLong(`more than ${MAX_CHARACTERS} characters`)
  }
  const pages = pdf.numPages
  await pdf.cleanup()
  return { ...layOut(lines), pages }
}

/** Joins lines into paragraphs by the gaps between them, and treats large lines as headings. */
function layOut(lines: readonly Line[]): { text: string; headings: readonly Heading[] } {
  const usual = usualHeight(lines)
  const sizes = [
    ...new Set(lines.map(({ height }) => height).filter((height) => height >= usual * 1.2)),
  ].sort((left, right) => right - left)
  const headings: Heading[] = []
  let text = ''
  let before: Line | undefined
  for (const line of lines) {
    const isHeading =
      usual > 0 && line.height >= usual * 1.2 && line.text.trim().length > 1 && line.text.length < 150
    const wasHeading = before && before.height >= usual * 1.2
    const gap = before ? before.y - line.y : 0
    const isApart = line.text.trim() === '' || gap > Math.max(line.height, usual) * 1.8
    const isContinued = isHeading && wasHeading && before?.height === line.height && !isApart
    if (text !== '')
      text += (isHeading && !isContinued) || (wasHeading && !isHeading) || isApart ? '\n\n' : '\n'
    if (isHeading && !isContinued)
      headings.push({
        title: line.text.trim(),
        level: Math.min(6, sizes.indexOf(line.height) + 1),
        start: text.length,
      })
    text += line.text
    before = line
  }
  return { text, headings }
}

/** The height of most characters. */
function usualHeight(lines: readonly Line[]): number {
  const characters = new Map<number, number>()
  for (const { height, text } of lines)
    if (height > 0) characters.set(height, (characters.get(height) ?? 0) + text.length)
  return [...characters].sort(([, left], [, right]) => right - left)[0]?.[0] ?? 0
}
