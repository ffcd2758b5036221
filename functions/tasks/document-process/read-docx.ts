import { TaskError } from '../../core/kit/index.ts'
import type { Heading } from './heavy.ts'
import { readHtml } from './read-html.ts'
import { unsupported } from './sniff.ts'

/** Of what is unpacked; a book of 1,000 pages has some 20 MB. */
const MAX_UNPACKED_BYTES = 64_000_000
const MAX_ENTRIES = 10_000

const damaged = (cause?: unknown) =>
  new TaskError('The DOCX is damaged.', { code: 'document_damaged', ...(cause ? { cause } : {}) })

/**
 * DOCX by mammoth, which knows styles, lists and tables.
 *
 * It is given an archive made anew from the parts that hold text. What is unpacked is counted by what the archive
 * declares before a byte is unpacked, and a part that lies about its size is cut at what it declared; pictures and
 * embedded files are not unpacked at all.
 */
export async function readDocx(bytes: Uint8Array): Promise<{ text: string; headings: readonly Heading[] }> {
  const { unzipSync, zipSync, strFromU8 } = await import('fflate')
  let total = 0
  let entries = 0
  let parts: Record<string, Uint8Array>
  try {
    parts = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        entries += 1
        if (entries > MAX_ENTRIES) throw bomb(`more than ${MAX_ENTRIES} parts`)
        if (!/\.(?:xml|rels)$/i.test(name)) return false
        total += originalSize
        if (total > MAX_UNPACKED_BYTES) throw bomb(`more than ${MAX_UNPACKED_BYTES / 1_000_000} MB unpacked`)
        return true
      },
    })
  } catch (error) {
    throw error instanceof TaskError ? error : damaged(error)
  }
  if (!parts['word/document.xml'])
    throw parts['[Content_Types].xml']
      ? unsupported('an Office file that is no DOCX')
      : unsupported('an archive')
  // Office writes none; entities of a document type are how an XML bomb is made.
  for (const part of Object.values(parts))
    if (strFromU8(part.subarray(0, 2_000), true).includes('<!DOCTYPE'))
      throw bomb('a document type declaration')
  const mammoth = await import('mammoth')
  const html = await mammoth.default
    .convertToHtml(
      { buffer: Buffer.from(zipSync(parts, { level: 0 })) },
      { convertImage: mammoth.default.images.imgElement(async () => ({ src: '' })) },
    )
    .catch((error: unknown) => {
      throw damaged(error)
    })
  return readHtml(html.value)
}

const bomb = (what: string) =>
  new TaskError(`The DOCX is refused: it has ${what}.`, { code: 'document_bomb' })
