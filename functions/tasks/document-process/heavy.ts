/** Reads a document's text and structure from its bytes. Runs in a separate thread. */
import { TaskError } from '../../core/kit/index.ts'
import { MAX_CHARACTERS, tooLong } from './limits.ts'
import { readDocx } from './read-docx.ts'
import { declaredIn, readHtml } from './read-html.ts'
import { readMarkdown } from './read-markdown.ts'
import { readPdf } from './read-pdf.ts'
import { decodeText } from './read-text.ts'
import { type DocumentFormat, sniff } from './sniff.ts'

export interface Heading {
  readonly title: string
  /** 1 is the highest. */
  readonly level: number
  /** Offset in the text, in UTF-16 code units as in JavaScript. */
  readonly start: number
}

export interface ReadDocument {
  readonly format: DocumentFormat
  readonly encoding: string | null
  readonly pages: number | null
  readonly text: string
  readonly headings: readonly Heading[]
}

export async function readDocument({
  bytes,
  hint,
}: {
  readonly bytes: Uint8Array
  readonly hint: DocumentFormat | undefined
}): Promise<ReadDocument> {
  const read = await readAs(bytes, hint)
  if (read.text.trim() === '')
    throw new TaskError('The document has no text. A scan needs text recognition first.', {
      code: 'document_no_text',
    })
  if (read.text.length > MAX_CHARACTERS) throw tooLong(`${read.text.length} characters`)
  return read
}

async function readAs(bytes: Uint8Array, hint: DocumentFormat | undefined): Promise<ReadDocument> {
  const format = sniff(bytes, hint)
  switch (format) {
    case 'pdf':
      return { format, encoding: null, ...(await readPdf(bytes)) }
    case 'docx':
      return { format, encoding: null, pages: null, ...(await readDocx(bytes)) }
    default: {
      const { text, encoding } = await decodeText(bytes, format === 'html' ? declaredIn(bytes) : undefined)
      const common = { format, encoding, pages: null }
      if (format === 'html') return { ...common, ...(await readHtml(text)) }
      if (format === 'markdown') return { ...common, text, headings: await readMarkdown(text) }
      return { ...common, text, headings: [] }
    }
  }
}
