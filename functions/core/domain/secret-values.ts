/**
 * The secrets that this process has read, so that they can be hidden in every text it sends. Compared by value, because each
 * server chooses its own format of keys.
 */
import { type FindSecret, findSecrets } from './find-secret.ts'

/** Shorter values occur by chance in texts without secrets. */
const MIN_CHARACTERS = 8
/** Placeholders for servers that need no key: `lm-studio`, `no-key-needed`. */
const PLAIN_WORD = /^[a-z]+(-[a-z]+)*$/i
const MIN_WORD_CHARACTERS = 16
/** `api-version=2024-10-21` in Azure addresses; the same date may occur in any text. */
const DAY = /^\d{4}-\d\d-\d\d(-preview)?$/
/** Deeper than any field of a log line. */
const MAX_DEPTH = 20
const HIDDEN = '…'
/** This many characters of a secret at the end of a text do not occur by chance: the text was shortened there. */
const MIN_BEGINNING_CHARACTERS = 10

/** Hides secrets in texts. */
export interface Mask {
  (text: string): string
  /** For a text in pieces: what may be the beginning of a secret is kept back until the next piece. */
  readonly pieces: (give: (text: string) => void) => { add(piece: string): void; end(): void }
}

/** @param secrets only values accepted by {@link isSecret}, or all. */
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

/** @returns the text without secrets; when more text follows, `rest` is the part that may be the beginning of a secret. */
function scan(text: string, find: FindSecret, isEnd: boolean): { text: string; rest: string } {
  let shown = ''
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const found = find(text, at)
    if (found === undefined) continue
    const { end, begun } = found
    if (begun !== undefined && !isEnd) return { text: shown + text.slice(from, at), rest: text.slice(at) }
    if (begun !== undefined && begun >= MIN_BEGINNING_CHARACTERS)
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

  /** @param secret hidden from now on, also when URL-encoded, in base64, or with escaped characters. */
  add(secret: string | undefined): void {
    if (secret === undefined || this.#values.has(secret) || !isSecret(secret)) return
    this.#values.add(secret)
    this.#mask = maskOf([...this.#values])
  }

  /** Adds user, password and query values of a URL. A text that is no URL adds nothing. */
  addFromUrl(url: string | undefined): void {
    if (!url || !URL.canParse(url)) return
    const { username, password, searchParams } = new URL(url)
    const [user, word] = [username, password].map(safelyDecoded)
    // A password too short to be hidden alone is hidden together with its user, as in Basic authentication.
    for (const part of [user, word, word && `${user}:${word}`]) this.add(part)
    for (const part of searchParams.values()) this.add(part)
  }

  readonly mask = (text: string): string => this.#mask(text)

  /** Masks every text in a value, names of fields included. */
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

  /** Keeps the error's class and stack. */
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

/** Whether a value is long and unusual enough not to occur in other texts by chance. */
export const isSecret = (value: string): boolean =>
  value.length >= (PLAIN_WORD.test(value) ? MIN_WORD_CHARACTERS : MIN_CHARACTERS) && !DAY.test(value)

function safelyDecoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
