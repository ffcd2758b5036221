/** Detects the type of a file from its first bytes, because its name and declared type may be wrong. */

/** Number of first bytes that is enough for every type below. */
export const DETECTION_BYTES = 4_096

/** Matches any byte. */
const ANY = -1
const SIGNATURES: readonly (readonly [type: string, bytes: readonly number[]])[] = [
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38, ANY, 0x61]],
  // The zeros are reserved fields; without them a CSV table that begins with "BMI" would match.
  ['image/bmp', [0x42, 0x4d, ANY, ANY, ANY, ANY, 0, 0, 0, 0]],
  ['image/tiff', [0x49, 0x49, 0x2a, 0x00]],
  ['image/tiff', [0x4d, 0x4d, 0x00, 0x2a]],
  ['application/zip', [0x50, 0x4b, 0x03, 0x04]],
  ['application/zip', [0x50, 0x4b, 0x05, 0x06]],
  ['application/x-ole-storage', [0xd0, 0xcf, 0x11, 0xe0]],
  ['application/gzip', [0x1f, 0x8b]],
]

/** Brands of the container format that AVIF, HEIC and MP4 share. */
const BRANDS: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  avis: 'image/avif',
  heic: 'image/heic',
  heix: 'image/heic',
  mif1: 'image/heic',
  msf1: 'image/heic',
}

/**
 * @param file its first `DETECTION_BYTES` bytes; further bytes are ignored.
 * @returns a media type; `text/plain` for anything that can be text in some encoding, `application/octet-stream` otherwise.
 */
export function detectMediaType(file: Uint8Array): string {
  const head = file.subarray(0, DETECTION_BYTES)
  if (head.length === 0) return 'application/x-empty'
  const latin = Array.from(head.subarray(0, 1_024), (byte) => String.fromCharCode(byte)).join('')
  for (const [type, bytes] of SIGNATURES)
    if (bytes.every((byte, index) => byte === ANY || head[index] === byte)) return type
  if (latin.startsWith('RIFF') && latin.slice(8, 12) === 'WEBP') return 'image/webp'
  // The four bytes before it are the size of the first box, which is always less than 16 MB.
  if (head[0] === 0 && latin.slice(4, 8) === 'ftyp') return BRANDS[latin.slice(8, 12)] ?? 'video/mp4'
  // Mail gateways insert bytes before `%PDF-`; PDF readers accept it anywhere in the first kilobyte.
  if (latin.includes('%PDF-')) return 'application/pdf'
  const isMarked = latin.startsWith('\u00ff\u00fe') || latin.startsWith('\u00fe\u00ff')
  if (head.includes(0) && !isMarked && !unmarkedUtf16(head)) return 'application/octet-stream'
  // In two steps, because one expression would try all the ways in which comments can be read as one.
  return /^<svg[\s/>]/i.test(
    latin.replace(/^\s*(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*|<!doctype[^>]*>\s*)*/i, ''),
  )
    ? 'image/svg+xml'
    : 'text/plain'
}

/** Ranges of the upper byte of UTF-16 units for letters, punctuation and spaces of all scripts, both ends included. */
const UPPER_BYTES: readonly (readonly [number, number])[] = [
  [0x01, 0x06],
  [0x09, 0x0e],
  [0x10, 0x10],
  [0x17, 0x17],
  [0x1e, 0x27],
  [0x30, 0x31],
  [0x4e, 0x9f],
  [0xac, 0xdf],
  [0xfb, 0xff],
]
const isUpper = (byte: number): boolean => UPPER_BYTES.some(([from, to]) => byte >= from && byte <= to)
const isLatin = (byte: number): boolean =>
  (byte >= 0x09 && byte <= 0x0d) || (byte >= 0x20 && byte <= 0x7e) || byte >= 0xa0

/**
 * UTF-16 without a byte order mark. In Latin text every other byte is zero; in all other scripts one byte of each pair has
 * one of few values, and many of these values never occur in ASCII text.
 */
export function unmarkedUtf16(head: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  const pairs = head.length >> 1
  const fits = { 'utf-16le': 0, 'utf-16be': 0 }
  let zeros = 0
  let foreign = 0
  for (let at = 0; at < pairs * 2; at += 2) {
    const [first, second] = [head[at] as number, head[at + 1] as number]
    for (const byte of [first, second]) {
      if (byte === 0) zeros += 1
      if (byte >= 0x7f || (byte < 0x20 && byte > 0 && (byte < 0x09 || byte > 0x0d))) foreign += 1
    }
    if (second === 0 ? isLatin(first) : isUpper(second)) fits['utf-16le'] += 1
    if (first === 0 ? isLatin(second) : isUpper(first)) fits['utf-16be'] += 1
  }
  if (zeros === 0 || zeros + foreign < pairs * 0.4) return undefined
  const found = fits['utf-16le'] >= fits['utf-16be'] ? 'utf-16le' : 'utf-16be'
  return fits[found] >= pairs * 0.97 ? found : undefined
}
