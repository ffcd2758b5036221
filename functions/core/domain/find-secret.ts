/** Finds a secret in a text however it is spelled there: escaped, in capitals, in base64, cut at the text's end. */

/** A spelling of a secret, and whether it is looked for letter by letter or with whatever escapes a writer uses. */
interface Form {
  readonly text: string
  readonly isExact: boolean
}

export interface Found {
  /** Where the secret that stands here ends. */
  readonly end?: number
  /** The text ends after so many characters of a secret, which it would have if it went on. */
  readonly begun?: number
}

export type FindSecret = (text: string, at: number) => Found | undefined

/**
 * One character as URL, JSON, JavaScript and HTML write it; `%25` again and again where it was escaped more than once. Repeats
 * are bounded: a text of a million backslashes is looked at from each of them.
 */
const ESCAPED =
  /%(?:25){0,4}(?<url>[\da-f]{2})|\\{1,8}u00(?<json>[\da-f]{2})|\\{1,8}x(?<js>[\da-f]{2})|&#x0{0,4}(?<hex>[\da-f]{1,2});|&#0{0,4}(?<decimal>\d{1,3});|&(?<name>quot|amp|lt|gt|apos);|\\{1,8}(?<self>["'\\/])/iy
/** The beginning of one, at the end of a text. */
const ESCAPE_BEGUN =
  /(?:%(?:25){0,4}[\da-f]?|\\{1,8}(?:u0{0,2}[\da-f]?|x[\da-f]?)?|&(?:#x?[\da-f]{0,6}|[a-z]{0,4}))$/iy
const LONGEST_ESCAPE = 13
const ESCAPES: ReadonlySet<string> = new Set('%\\&')
const NAMED: Readonly<Record<string, string>> = { quot: '"', amp: '&', lt: '<', gt: '>', apos: "'" }
/** What a clipped text may have at its end. */
const ELLIPSIS = '…'

/** @param values each at least as long as chance does not write it. */
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
    let found: Found | undefined
    // The longest first: one secret may begin with another.
    for (const form of forms) {
      const here = match(text, at, form)
      if (here) found = found ? { ...here, ...found } : here
    }
    return found
  }
}

function match(text: string, at: number, { text: secret, isExact }: Form): Found | undefined {
  let place = at
  for (let index = 0; index < secret.length; index += 1) {
    if (place >= text.length || (text[place] === ELLIPSIS && place === text.length - 1))
      return index > 0 ? { begun: index } : undefined
    const next = isExact ? exactly(text, place, secret, index) : loosely(text, place, secret, index)
    if (next === undefined) return !isExact && isEscapeBegun(text, place) ? { begun: index } : undefined
    place = next
  }
  return { end: place }
}

function isEscapeBegun(text: string, place: number): boolean {
  if (text.length - place > LONGEST_ESCAPE || !ESCAPES.has(text[place] ?? '')) return false
  ESCAPE_BEGUN.lastIndex = place
  return ESCAPE_BEGUN.test(text)
}

const exactly = (text: string, place: number, secret: string, index: number): number | undefined =>
  text[place] === secret[index] ? place + 1 : undefined

/** @returns where the character of the secret ends, in whatever way it is written. */
function loosely(text: string, place: number, secret: string, index: number): number | undefined {
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

/** Shorter spellings stand in too many innocent texts. */
const LEAST_CHARACTERS = 8

function formsOf(value: string): Form[] {
  const bytes = new TextEncoder().encode(value)
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [
    { text: value, isExact: true },
    { text: value, isExact: false },
    // Beyond ASCII a character is several bytes in a URL.
    ...(encodeURIComponent(value) === value ? [] : [{ text: encodeURIComponent(value), isExact: false }]),
    { text: hex, isExact: false },
    // Behind something else, such as `user:`, the same bytes fall on other places of base64.
    ...[0, 1, 2].flatMap((shift) => base64Of(bytes, shift)),
  ].filter(({ text }) => text === value || text.length >= LEAST_CHARACTERS)
}

/** Base64 in both alphabets: whole, or behind so many other bytes what these alone decide. */
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
