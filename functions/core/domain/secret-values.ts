/**
 * The secrets this environment has read, so that no text leaves with one of them. By value: the shape of a key is its
 * server's own choice.
 */
import { type FindSecret, findSecrets } from './find-secret.ts'

/** Shorter values are part of too many harmless texts. */
const LEAST_CHARACTERS = 8
/** What servers without a key are given for one: `lm-studio`, `no-key-needed`. */
const PLAIN_WORD = /^[a-z]+(-[a-z]+)*$/i
const LEAST_WORD_CHARACTERS = 16
/** `api-version=2024-10-21` in an address of Azure's, which is also a day in somebody's text. */
const DAY = /^\d{4}-\d\d-\d\d(-preview)?$/
/** Deeper than any field of a log line. */
const MAX_DEPTH = 20
const HIDDEN = '…'
/** So much of a secret at the end of a text is no chance: the text was clipped there. */
const LEAST_BEGUN = 10

/** Hides secrets in texts. */
export interface Mask {
  (text: string): string
  /** The same for a text that comes in pieces: what may be the beginning of a secret waits for the next piece. */
  readonly pieces: (give: (text: string) => void) => { add(piece: string): void; end(): void }
}

/** @param values those that {@link isSecret} says are told from other texts, or all. */
export function maskOf(secrets: readonly string[]): Mask {
  if (secrets.length === 0)
    return Object.assign((text: string) => text, {
      pieces: (give: (text: string) => void) => ({ add: give, end: () => undefined }),
    })
  const find = findSecrets(secrets)
  return Object.assign((text: string) => scan(text, find, true).text, {
    pieces: (give: (text: string) => void) => {
      let held = ''
      const take = (isEnd: boolean) => {
        const { text, rest } = scan(held, find, isEnd)
        held = rest
        if (text !== '') give(text)
      }
      return {
        add: (piece: string) => {
          held += piece
          take(false)
        },
        end: () => take(true),
      }
    },
  })
}

/** @returns the text without secrets, and, of one that goes on, what cannot be told yet. */
function scan(text: string, find: FindSecret, isEnd: boolean): { text: string; rest: string } {
  let shown = ''
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const found = find(text, at)
    if (found === undefined) continue
    const { end, begun } = found
    if (begun !== undefined && !isEnd) return { text: shown + text.slice(from, at), rest: text.slice(at) }
    if (begun !== undefined && begun >= LEAST_BEGUN)
      return { text: shown + text.slice(from, at) + HIDDEN, rest: '' }
    if (end === undefined) continue
    shown += text.slice(from, at) + HIDDEN
    from = end
    at = end - 1
  }
  return { text: shown + text.slice(from), rest: '' }
}

export class SecretValues {
  readonly #values = new Set<string>()
  #mask = maskOf([])

  /** @param secret also its form in a URL, in base64 and wherever characters are escaped is hidden from now on. */
  add(secret: string | undefined): void {
    if (secret === undefined || this.#values.has(secret) || !isSecret(secret)) return
    this.#values.add(secret)
    this.#mask = maskOf([...this.#values])
  }

  /** User, password and values of the query of an address. What is no address has none. */
  addFromUrl(url: string | undefined): void {
    if (!url || !URL.canParse(url)) return
    const { username, password, searchParams } = new URL(url)
    const [user, word] = [username, password].map(safelyDecoded)
    // A password too short to be hidden alone stands behind its user in Basic authentication.
    for (const part of [user, word, word && `${user}:${word}`]) this.add(part)
    for (const part of searchParams.values()) this.add(part)
  }

  readonly mask = (text: string): string => this.#mask(text)

  /** The same for every text in a value, names of fields too. */
  readonly maskAll = (value: unknown, depth = 0): unknown => {
    if (this.#values.size === 0) return value
    if (typeof value === 'string') return this.mask(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth > MAX_DEPTH) return HIDDEN
    if (Array.isArray(value)) return value.map((entry) => this.maskAll(entry, depth + 1))
    if (value instanceof Error) return this.#maskError(value, depth)
    if (Object.getPrototypeOf(value) !== Object.prototype) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, entry]) => [this.mask(name), this.maskAll(entry, depth + 1)]),
    )
  }

  /** Printed as the error itself: of its kind, with its stack. */
  #maskError(error: Error, depth: number): Error {
    const shown: Error = Object.create(Object.getPrototypeOf(error))
    for (const name of Object.getOwnPropertyNames(error))
      Object.defineProperty(shown, name, {
        value: this.maskAll(error[name as keyof Error], depth + 1),
        enumerable: Object.prototype.propertyIsEnumerable.call(error, name),
      })
    return shown
  }
}

/** Whether a value can be told from what other texts have by chance. */
export const isSecret = (value: string): boolean =>
  value.length >= (PLAIN_WORD.test(value) ? LEAST_WORD_CHARACTERS : LEAST_CHARACTERS) && !DAY.test(value)

function safelyDecoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
