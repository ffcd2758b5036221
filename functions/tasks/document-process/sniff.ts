/** What a file is, by its bytes; a name or a media type only decides between kinds of text. Light: submit uses it, too. */
import { TaskError } from '../../core/kit/index.ts'

export const FORMATS = ['text', 'markdown', 'html', 'pdf', 'docx'] as const
export type DocumentFormat = (typeof FORMATS)[number]

const startsWith = (bytes: Uint8Array, ...start: readonly number[]) =>
  start.every((byte, index) => bytes[index] === byte)

/** The kind that the first bytes prove; undefined where they prove none. */
export function provenKind(bytes: Uint8Array): 'pdf' | 'zip' | 'ole' | 'other binary' | undefined {
  // The mark may stand behind some bytes of a mail gateway; readers look for it in the first kilobyte.
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(1_024, bytes.byteLength))
  if (head.includes('%PDF-')) return 'pdf'
  if (startsWith(bytes, 0x50, 0x4b, 3, 4) || startsWith(bytes, 0x50, 0x4b, 5, 6)) return 'zip'
  if (startsWith(bytes, 0xd0, 0xcf, 0x11, 0xe0)) return 'ole'
  // JPEG; and the boxes of AVIF, HEIC and MP4.
  if (startsWith(bytes, 0xff, 0xd8, 0xff) || head.subarray(4, 8).toString('latin1') === 'ftyp')
    return 'other binary'
  const isUtf16 = startsWith(bytes, 0xff, 0xfe) || startsWith(bytes, 0xfe, 0xff)
  const zeros = head.filter((byte) => byte === 0).length
  // UTF-16 without a mark has a zero in every other byte of plain Latin text.
  return zeros > 0 && !isUtf16 && zeros < head.byteLength * 0.3 ? 'other binary' : undefined
}

const EXTENSIONS: Readonly<Record<string, DocumentFormat>> = {
  txt: 'text',
  text: 'text',
  md: 'markdown',
  markdown: 'markdown',
  htm: 'html',
  html: 'html',
  xhtml: 'html',
  pdf: 'pdf',
  docx: 'docx',
}

/** What a name promises. */
export const promisedFormat = (name: string | undefined): DocumentFormat | undefined =>
  EXTENSIONS[/\.([a-z]+)$/i.exec(name ?? '')?.[1]?.toLowerCase() ?? '']

/** @returns what is wrong between what was promised and what the bytes prove; undefined when nothing is. */
export function contradiction(bytes: Uint8Array, promised: DocumentFormat | undefined): string | undefined {
  const kind = provenKind(bytes)
  if (promised === undefined) return undefined
  const fits = { pdf: kind === 'pdf', docx: kind === 'zip' || kind === 'ole' }
  if (promised === 'pdf' || promised === 'docx')
    return fits[promised] ? undefined : `is no ${promised.toUpperCase()} by its bytes`
  return kind === undefined ? undefined : `is no text by its bytes (${kind})`
}

/** @throws TaskError for what no reader takes. */
export function sniff(bytes: Uint8Array, hint: DocumentFormat | undefined): DocumentFormat {
  const kind = provenKind(bytes)
  const wrong = contradiction(bytes, hint)
  if (wrong) throw new TaskError(`The file ${wrong}.`, { code: 'document_type_mismatch' })
  if (kind === 'pdf') return 'pdf'
  if (kind === 'zip') return 'docx'
  if (kind === 'ole') {
    const isEncrypted = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(
      Buffer.from('EncryptedPackage', 'utf16le'),
    )
    throw isEncrypted
      ? new TaskError('The document wants a password.', { code: 'document_encrypted' })
      : unsupported('an older Office file; save it as DOCX')
  }
  if (kind === 'other binary') throw unsupported('no text, PDF or DOCX')
  if (hint) return hint
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(2_000, bytes.byteLength)).toString(
    'latin1',
  )
  // An XML declaration and comments may stand before it.
  const begin = head.replace(/^(?:\u00ef\u00bb\u00bf)?\s*(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*)*/, '')
  return /^<(?:!doctype\s+html|html|head|body)[\s>]/i.test(begin) ? 'html' : 'text'
}

export const unsupported = (what: string) =>
  new TaskError(`The file is ${what}. Send plain text, Markdown, HTML, PDF or DOCX.`, {
    code: 'document_unsupported',
  })
