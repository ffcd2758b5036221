import { isUtf8 } from 'node:buffer'
import { TaskError, unmarkedUtf16 } from '../../core/kit/index.ts'

const SAMPLE_BYTES = 65_536

/**
 * The encoding by byte order mark; else UTF-8 if the bytes are valid or almost valid; else the declared encoding, as in web
 * pages; else the likeliest one (chardet).
 *
 * @param declared encoding that the text itself declares, found by its format's reader.
 */
export async function encodingOf(bytes: Uint8Array, declared?: string): Promise<string> {
  const mark = markOf(bytes)
  if (mark) return mark
  const head = bytes.subarray(0, SAMPLE_BYTES)
  const hasEscapes = Buffer.from(head.buffer, head.byteOffset, head.byteLength).includes('\x1b$')
  if (isUtf8(bytes) && !bytes.includes(0) && !hasEscapes) return 'utf-8'
  return unmarkedUtf16(head) ?? known(declared) ?? guess(sampleOf(bytes))
}

/** Decodes a text in any encoding with Node's decoders, which know all encodings of the web. */
export async function decodeText(
  bytes: Uint8Array,
  declared?: string,
): Promise<{ text: string; encoding: string }> {
  const encoding = await encodingOf(bytes, declared)
  const text = new TextDecoder(encoding).decode(bytes).replaceAll('\r\n', '\n').replaceAll('\r', '\n')
  if (text.includes('\0'))
    throw new TaskError('The file is no text in an encoding that is known.', { code: 'document_unsupported' })
  return { text, encoding }
}

function markOf([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8'
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  return undefined
}

/** Bytes around the first non-ASCII character, because the first rows of a table may all be plain numbers. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  let at = 0
  while (at < bytes.length && (bytes[at] as number) < 0x80) at += 1
  const from = at === bytes.length ? 0 : Math.max(0, at - 1_000)
  return bytes.subarray(from, from + SAMPLE_BYTES)
}

async function guess(sample: Uint8Array): Promise<string> {
  if (isMostlyUtf8(sample)) return 'utf-8'
  const { detect } = await import('chardet')
  return known(detect(sample) ?? undefined) ?? 'windows-1252'
}

/** Some invalid bytes, or a character cut off at the end, are still UTF-8. */
function isMostlyUtf8(sample: Uint8Array): boolean {
  let broken = 0
  let whole = 0
  for (const character of new TextDecoder().decode(sample)) {
    if (character === '\ufffd') broken += 1
    else if (character > '\u007f') whole += 1
  }
  return broken * 10 < whole
}

/** @returns Node's name of an encoding. */
function known(name: string | undefined): string | undefined {
  try {
    return name === undefined ? undefined : new TextDecoder(name).encoding
  } catch {
    return undefined
  }
}
