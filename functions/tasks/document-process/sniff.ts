/** Detects a file's format from its bytes; name and media type decide only between text formats. Small, because submits import it. */
import { detectMediaType, TaskError } from '../../core/kit/index.ts'

export const FORMATS = ['text', 'markdown', 'html', 'pdf', 'docx'] as const
export type DocumentFormat = (typeof FORMATS)[number]

const KINDS: Readonly<Record<string, 'pdf' | 'zip' | 'ole' | 'text'>> = {
  'application/pdf': 'pdf',
  'application/zip': 'zip',
  'application/x-ole-storage': 'ole',
  'application/x-empty': 'text',
  'image/svg+xml': 'text',
  'text/plain': 'text',
}

/** The kind detected from the first kilobyte; undefined where it may be text. */
export function detectKind(bytes: Uint8Array): 'pdf' | 'zip' | 'ole' | 'other binary' | undefined {
  const kind = KINDS[detectMediaType(bytes.subarray(0, 1_024))] ?? 'other binary'
  return kind === 'text' ? undefined : kind
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

export const formatOfName = (name: string | undefined): DocumentFormat | undefined =>
  EXTENSIONS[/\.([a-z]+)$/i.exec(name ?? '')?.[1]?.toLowerCase() ?? '']

/** @returns how name and bytes contradict each other; undefined when they do not. */
export function contradiction(bytes: Uint8Array, promised: DocumentFormat | undefined): string | undefined {
  const kind = detectKind(bytes)
  if (promised === undefined) return undefined
  const fits = { pdf: kind === 'pdf', docx: kind === 'zip' || kind === 'ole' }
  if (promised === 'pdf' || promised === 'docx')
    return fits[promised] ? undefined : `is no ${promised.toUpperCase()} by its bytes`
  return kind === undefined ? undefined : `is no text by its bytes (${kind})`
}

/** @throws TaskError for unsupported formats. */
export function sniff(bytes: Uint8Array, hint: DocumentFormat | undefined): DocumentFormat {
  const kind = detectKind(bytes)
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
  // An XML declaration and comments may precede the element.
  const begin = head.replace(/^(?:\u00ef\u00bb\u00bf)?\s*(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*)*/, '')
  return /^<(?:!doctype\s+html|html|head|body)[\s>]/i.test(begin) ? 'html' : 'text'
}

export const unsupported = (what: string) =>
  new TaskError(`The file is ${what}. Send plain text, Markdown, HTML, PDF or DOCX.`, {
    code: 'document_unsupported',
  })
