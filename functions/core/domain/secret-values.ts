/**
 * The secrets this environment has read, so that no text leaves with one of them. By value: the shape of a key is its
 * server's own choice.
 */

/** Shorter values are part of too many harmless texts. */
const LEAST_CHARACTERS = 8
/** What servers without a key are given for one: `lm-studio`, `no-key-needed`. */
const PLAIN_WORD = /^[a-z]+(-[a-z]+)*$/i
const LEAST_WORD_CHARACTERS = 16
/** Deeper than any field of a log line. */
const MAX_DEPTH = 6

export class SecretValues {
  readonly #values = new Set<string>()
  #ordered: readonly string[] = []

  /** @param secret also its form in a URL and in base64 is hidden from now on. */
  add(secret: string | undefined): void {
    if (secret === undefined || this.#values.has(secret) || !isSecret(secret)) return
    this.#values.add(secret)
    // The longest first: one secret may begin with another.
    this.#ordered = [...this.#values].flatMap(formsOf).toSorted((left, right) => right.length - left.length)
  }

  /** User, password and values of the query of an address. What is no address has none. */
  addFromUrl(url: string | undefined): void {
    if (!url || !URL.canParse(url)) return
    const { username, password, searchParams } = new URL(url)
    const [user, word] = [username, password].map(safelyDecoded)
    // Together as Basic authentication sends them: in base64 neither part is seen.
    for (const part of [user, word, word && `${user}:${word}`]) this.add(part)
    for (const part of searchParams.values()) this.add(part)
  }

  readonly mask = (text: string): string =>
    this.#ordered.reduce((masked, value) => masked.replaceAll(value, '…'), text)

  /** The same for every text in a value, names of fields excepted. */
  readonly maskAll = (value: unknown, depth = 0): unknown => {
    if (this.#ordered.length === 0) return value
    if (typeof value === 'string') return this.mask(value)
    if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value
    if (Array.isArray(value)) return value.map((entry) => this.maskAll(entry, depth + 1))
    if (Object.getPrototypeOf(value) !== Object.prototype) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, entry]) => [name, this.maskAll(entry, depth + 1)]),
    )
  }
}

const isSecret = (value: string): boolean =>
  value.length >= (PLAIN_WORD.test(value) ? LEAST_WORD_CHARACTERS : LEAST_CHARACTERS)

function formsOf(value: string): string[] {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(value)))
  const unpadded = base64.replace(/=+$/, '')
  return [
    ...new Set([
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      base64,
      unpadded,
      unpadded.replaceAll('+', '-').replaceAll('/', '_'),
    ]),
  ]
}

function safelyDecoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
