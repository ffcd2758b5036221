import { isUtf8 } from 'node:buffer'
import { TaskError } from '../../core/kit/index.ts'

/** By its mark, UTF-8 where it is valid, else the likeliest encoding of its bytes (chardet). */
export const encodingOf = async (bytes: Uint8Array): Promise<string> =>
  markOf(bytes) ?? (isUtf8(bytes) && !bytes.includes(0) ? 'utf-8' : await guess(bytes))

/** Text in whatever encoding, decoded by Node itself, which knows all of the web's encodings. */
export async function decodeText(bytes: Uint8Array): Promise<{ text: string; encoding: string }> {
  const encoding = await encodingOf(bytes)
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

/** UTF-16 without a mark shows by its zeros; chardet knows it only with one. */
async function guess(bytes: Uint8Array): Promise<string> {
  const head = bytes.subarray(0, 65_536)
  const zerosAt = (parity: number) => head.filter((byte, index) => byte === 0 && index % 2 === parity).length
  if (zerosAt(1) > head.length / 8) return 'utf-16le'
  if (zerosAt(0) > head.length / 8) return 'utf-16be'
  const { detect } = await import('chardet')
  const name = detect(head) ?? 'windows-1252'
  try {
    return new TextDecoder(name).encoding
  } catch {
    return 'windows-1252'
  }
}
