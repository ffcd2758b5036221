import { TaskError } from '../../core/kit/index.ts'
import type { Heading } from './heavy.ts'
import { readHtml } from './read-html.ts'
import { repackOffice } from './repack-office.ts'
import { unsupported } from './sniff.ts'

/** Most decompressed bytes; a book of 1,000 pages has about 20 MB. */
const MAX_UNPACKED_BYTES = 64_000_000

const damaged = (cause?: unknown) =>
  new TaskError('The DOCX is damaged.', { code: 'document_damaged', ...(cause ? { cause } : {}) })

/** Reads DOCX with mammoth, which supports styles, lists and tables. */
export async function readDocx(bytes: Uint8Array): Promise<{ text: string; headings: readonly Heading[] }> {
  const buffer = await repackOffice(bytes, {
    maxUnpackedBytes: MAX_UNPACKED_BYTES,
    bomb,
    damaged,
    check: (parts) => {
      if (!parts['word/document.xml'])
        throw parts['[Content_Types].xml']
          ? unsupported('an Office file that is no DOCX')
          : unsupported('an archive')
    },
  })
  const mammoth = await import('mammoth')
  const html = await mammoth.default
    .convertToHtml({ buffer }, { convertImage: mammoth.default.images.imgElement(async () => ({ src: '' })) })
    .catch((error: unknown) => {
      throw damaged(error)
    })
  return readHtml(html.value, { cellsAreWords: true })
}

const bomb = (what: string) =>
  new TaskError(`The DOCX is refused: it has ${what}.`, { code: 'document_bomb' })
