const CHUNK = 1_000_000

/** Converts to UTF-8 in pieces: 100 MB as one string would need 200 MB. */
export function toUtf8(bytes: Uint8Array, encoding: string): Buffer {
  if (encoding === 'utf-8') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let length = 0
  for (const piece of decoded(bytes, encoding)) length += Buffer.byteLength(piece)
  const text = Buffer.allocUnsafe(length)
  let at = 0
  for (const piece of decoded(bytes, encoding)) at += text.write(piece, at)
  return text
}

function* decoded(bytes: Uint8Array, encoding: string): Generator<string> {
  const decoder = new TextDecoder(encoding)
  for (let at = 0; at < bytes.length; at += CHUNK)
    yield decoder.decode(bytes.subarray(at, at + CHUNK), { stream: at + CHUNK < bytes.length })
}
