/** Finds a secret in a text in each of its encodings: escaped, in other case, in base64, or cut off at the end of the text. */

/** One encoding of a secret, and whether it must match exactly or may contain escape sequences. */
interface Form {
  readonly text: string
  readonly isExact: boolean
}

export interface SecretMatch {
  /** Index after the secret that starts here. */
  readonly end?: number
  /** Number of characters of a secret at the end of the text: the next piece of a stream may complete it. */
  readonly begun?: number
}

export type FindSecret = (text: string, at: number) => SecretMatch | undefined

/**
 * One character as URL, JSON, JavaScript and HTML escape it; `%25` repeats where a text was escaped more than once. The
 * repeats have a maximum, because the search starts at each backslash of a text that may have a million of them.
 */
const ESCAPED =
  /%(?:25){0,4}(?<url>[\da-f]{2})|\\{1,8}u00(?<json>[\da-f]{2})|\\{1,8}x(?<js>[\da-f]{2})|&#x0{0,4}(?<hex>[\da-f]{1,2});|&#0{0,4}(?<decimal>\d{1,3});|&(?<name>quot|amp|lt|gt|apos);|\\{1,8}(?<self>["'\\/])/iy
/** The beginning of an escape sequence at the end of a text. */
const ESCAPE_BEGUN =
  /(?:%(?:25){0,4}[\da-f]?|\\{1,8}(?:u0{0,2}[\da-f]?|x[\da-f]?)?|&(?:#x?[\da-f]{0,6}|[a-z]{0,4}))$/iy
const MAX_ESCAPE_CHARACTERS = 13
const ESCAPES: ReadonlySet<string> = new Set('%\\&')
const NAMED: Readonly<Record<string, string>> = { quot: '"', amp: '&', lt: '<', gt: '>', apos: "'" }
/** A shortened text may end with it. */
const ELLIPSIS = '…'

/** @param values secrets long enough not to occur by chance. */
export function findSecrets(values: readonly string[]): FindSecret {
  const forms = [...new Set(values)]
    .flatMap(formsOf)
    .toSorted((left, right) => right.text.length - left.text.length)
  const firsts = new Set(
    forms.flatMap(({ text: [first = ''] }) => [first.toLowerCase(), first.toUpperCase()]),
  )
  const mayBegin = (text: string, at: number): boolean =>
    firsts.has(text[at] ?? '') || firsts.has(escapedAt(text, at)?.character ?? '') || isEscapeBegun(text, at)
  return (text, at) => {
    if (!mayBegin(text, at)) return undefined
    let found: SecretMatch | undefined
    // The longest first, because one secret may be the beginning of another.
    for (const form of forms) {
      const here = match(text, at, form)
      if (here) found = found ? { ...here, ...found } : here
    }
    return found
  }
}

function match(text: string, at: number, { text: secret, isExact }: Form): SecretMatch | undefined {
  let place = at
  for (let index = 0; index < secret.length; index += 1) {
    if (place >= text.length || (text[place] === ELLIPSIS && place === text.length - 1))
      return index > 0 ? { begun: index } : undefined
    const next = isExact ? matchExactly(text, place, secret, index) : matchEscaped(text, place, secret, index)
    if (next === undefined) return !isExact && isEscapeBegun(text, place) ? { begun: index } : undefined
    place = next
  }
  return { end: place }
}

function isEscapeBegun(text: string, place: number): boolean {
  if (text.length - place > MAX_ESCAPE_CHARACTERS || !ESCAPES.has(text[place] ?? '')) return false
  ESCAPE_BEGUN.lastIndex = place
  return ESCAPE_BEGUN.test(text)
}

const matchExactly = (text: string, place: number, secret: string, index: number): number | undefined =>
  text[place] === secret[index] ? place + 1 : undefined

/** @returns the index after the character of the secret that starts at `place`, escaped or not. */
function matchEscaped(text: string, place: number, secret: string, index: number): number | undefined {
  const wanted = secret[index]?.toLowerCase()
  const escaped = escapedAt(text, place)
  if (escaped?.character.toLowerCase() === wanted) return escaped?.end
  return text[place]?.toLowerCase() === wanted ? place + 1 : undefined
}

function escapedAt(text: string, place: number): { character: string; end: number } | undefined {
  if (!ESCAPES.has(text[place] ?? '')) return undefined
  ESCAPED.lastIndex = place
  const found = ESCAPED.exec(text)
  return found ? { character: unescaped(found.groups ?? {}), end: place + found[0].length } : undefined
}

function unescaped({ url, json, js, hex, decimal, name, self }: Readonly<Record<string, string>>): string {
  const digits = url ?? json ?? js ?? hex
  if (digits !== undefined) return String.fromCharCode(Number.parseInt(digits, 16))
  if (decimal !== undefined) return String.fromCharCode(Number(decimal))
  return self ?? NAMED[name?.toLowerCase() ?? ''] ?? ''
}

/** Shorter encodings occur by chance in texts without secrets. */
const MIN_CHARACTERS = 8

function formsOf(value: string): Form[] {
  const bytes = new TextEncoder().encode(value)
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [
    { text: value, isExact: true },
    { text: value, isExact: false },
    // A character outside ASCII becomes several bytes in a URL.
    ...(encodeURIComponent(value) === value ? [] : [{ text: encodeURIComponent(value), isExact: false }]),
    { text: hex, isExact: false },
    // After a prefix such as `user:` the same bytes have another offset in base64, which changes its letters.
    ...[0, 1, 2].flatMap((shift) => base64Of(bytes, shift)),
  ].filter(({ text }) => text === value || text.length >= MIN_CHARACTERS)
}

/** Base64 in both alphabets: of the whole value, or only the letters that do not depend on the `shift` bytes before it. */
function base64Of(bytes: Uint8Array, shift: number): Form[] {
  const padded = btoa(String.fromCharCode(...new Uint8Array(shift), ...bytes))
  const coded = padded.replace(/=+$/, '')
  const isCut = (bytes.length + shift) % 3 !== 0
  const inside = coded.slice(shift === 0 ? 0 : shift + 1, isCut ? -1 : undefined)
  const spelled = shift === 0 ? [padded, coded, inside] : [inside]
  return [...new Set(spelled.flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]))].map(
    (text) => ({ text, isExact: true }),
  )
}
