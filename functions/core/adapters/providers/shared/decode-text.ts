/**
 * Decodes text that arrives in pieces: UTF-8, or UTF-16 of either byte order. The first bytes tell which, because JSON and events
 * begin with ASCII, and few servers name their encoding. Until two bytes are there the text is empty.
 */
export function openTextDecoder(): (bytes: Buffer) => string {
  let decoder: TextDecoder | undefined
  let start = Buffer.alloc(0)
  return (bytes) => {
    if (decoder) return decoder.decode(bytes, { stream: true })
    start = Buffer.concat([start, bytes])
    if (start.length < 2) return ''
    decoder = new TextDecoder(encodingOf(start))
    return decoder.decode(start, { stream: true })
  }
}

function encodingOf([first, second]: Buffer): string {
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return 'utf-16le'
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return 'utf-16be'
  return 'utf-8'
}

/** Neither JSON nor an event begins so: the bytes are in another encoding (UTF-32 has more zeros), or no text. */
export const isUndecoded = (start: string): boolean =>
  start.startsWith('\ufffd') || start.slice(0, 3).includes('\0')
