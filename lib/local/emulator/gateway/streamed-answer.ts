import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

/** Separates the prelude, which is JSON, from the body. */
const SEPARATOR = Buffer.alloc(8)
const MAX_PRELUDE_BYTES = 64 * 1024
/** API Gateway ends a stream of a Regional API after this time without data. */
const IDLE_MS = 300_000

interface Prelude {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string | number | boolean>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly cookies?: readonly string[]
}

/** The answer of an integration with transfer mode STREAM: status and headers first, then each piece when it arrives. */
export class StreamedAnswer {
  readonly #response: ServerResponse
  readonly #hasBody: boolean
  #head: Buffer | undefined = Buffer.alloc(0)
  #idle: NodeJS.Timeout | undefined

  constructor(response: ServerResponse, method: string) {
    this.#response = response
    this.#hasBody = method !== 'HEAD'
    response.once('close', () => clearTimeout(this.#idle))
  }

  /** Settles when the next piece can be taken. @throws Error when the answer is not a streamed one. */
  async take(bytes: Uint8Array): Promise<void> {
    clearTimeout(this.#idle)
    const body = this.#head ? this.#readPrelude(Buffer.concat([this.#head, bytes])) : bytes
    const response = this.#response
    if (response.destroyed) return
    this.#idle = setTimeout(() => response.destroy(), IDLE_MS).unref()
    if (!body?.length || !this.#hasBody || response.write(body)) return
    const waiting = new AbortController()
    const until = (event: string) => once(response, event, { signal: waiting.signal })
    await Promise.race([until('drain'), until('close')]).finally(() => waiting.abort())
  }

  /** @returns false when it never began, so that another answer can be sent. */
  end(): boolean {
    clearTimeout(this.#idle)
    if (this.#head) return false
    this.#response.end()
    return true
  }

  /** Ends an incomplete answer by closing the connection. @returns false when it never began. */
  breakOff(): boolean {
    clearTimeout(this.#idle)
    if (this.#head) return false
    this.#response.destroy()
    return true
  }

  /** @returns the data after the prelude; undefined while the prelude is incomplete. */
  #readPrelude(head: Buffer): Uint8Array | undefined {
    const end = head.indexOf(SEPARATOR)
    if (end < 0) {
      if (head.length > MAX_PRELUDE_BYTES) throw new Error('The streamed answer has no prelude.')
      this.#head = head
      return undefined
    }
    const prelude = JSON.parse(head.subarray(0, end).toString()) as Prelude
    if (!Number.isInteger(prelude.statusCode)) throw new Error('The prelude has no statusCode.')
    this.#head = undefined
    const response = this.#response
    response.statusCode = prelude.statusCode
    for (const [name, value] of Object.entries(prelude.headers ?? {})) response.setHeader(name, String(value))
    for (const [name, values] of Object.entries(prelude.multiValueHeaders ?? {}))
      response.setHeader(name, [...values])
    if (prelude.cookies?.length) response.setHeader('set-cookie', [...prelude.cookies])
    response.flushHeaders()
    return head.subarray(end + SEPARATOR.length)
  }
}
