import { lookup as resolve } from 'node:dns/promises'
import { type ClientRequest, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, isIPv4, type LookupFunction } from 'node:net'
import type { SendOutcome } from '../../domain/webhook.ts'
import type { WebhookSender } from '../../ports/webhook-sender.ts'
import { isLoopback, isPublicAddress, refusalOfUrl } from './public-address.ts'

export interface HttpSenderOptions {
  /** Allows plain HTTP to this machine; only on a local stage. */
  readonly allowsLoopback: boolean
  readonly timeoutMs?: number
  /** Resolves a name to all its addresses. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  readonly now?: () => number
}

/** Standard Webhooks recommends 15 to 30 s. */
const TIMEOUT_MS = 15_000
/** Limit of the answer's headers. The body is never read, because only the status counts. */
const HEADER_BYTES = 8_192

const resolveAll = async (host: string): Promise<readonly string[]> =>
  (await resolve(host, { all: true })).map(({ address }) => address)

/**
 * Posts with Node's own client, without redirects and proxies. A name is resolved once, all its addresses must be public, and
 * the connection goes to a checked address, so that a second, different answer of the name server has no effect.
 */
export class HttpSender implements WebhookSender {
  readonly #options: Required<HttpSenderOptions>

  constructor(options: HttpSenderOptions) {
    this.#options = { timeoutMs: TIMEOUT_MS, lookup: resolveAll, now: Date.now, ...options }
  }

  async send(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<SendOutcome> {
    const { allowsLoopback, timeoutMs, now } = this.#options
    const begunAt = now()
    const refusal = refusalOfUrl(url, allowsLoopback)
    if (refusal) return { error: `the URL ${refusal}`, ms: 0, isFinal: true }
    // One timeout for everything: name server, handshake, and a receiver that sends one byte per second.
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const address = await withSignal(this.#resolve(new URL(url)), signal)
      if (address === undefined)
        return { error: 'leads to an address that is not public', ms: now() - begunAt, isFinal: true }
      const answer = await post(new URL(url), address, headers, body, signal)
      const retryAfterMs = readRetryAfter(answer.retryAfter, now())
      return {
        status: answer.status,
        ms: now() - begunAt,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      }
    } catch (error) {
      return {
        error: signal.aborted ? `no answer within ${timeoutMs / 1_000} s` : reasonOf(error),
        ms: now() - begunAt,
      }
    }
  }

  /** @returns the address to connect to; undefined when any of the name's addresses is not allowed. */
  async #resolve(url: URL): Promise<string | undefined> {
    const { allowsLoopback, lookup } = this.#options
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const addresses = isIP(host) === 0 ? await lookup(host) : [host]
    const isOwnMachine = allowsLoopback && (host === 'localhost' || isLoopback(host))
    const isAllowed = isOwnMachine ? isLoopback : isPublicAddress
    // A function outside a VPC cannot connect by IPv6.
    return addresses.every(isAllowed) ? (addresses.find(isIPv4) ?? addresses[0]) : undefined
  }
}

function post(
  url: URL,
  address: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly retryAfter: string | undefined }> {
  const family = isIP(address)
  const pinned: LookupFunction = (_host, options, callback) =>
    options.all ? callback(null, [{ address, family }]) : callback(null, address, family)
  const options = {
    method: 'POST',
    headers: {
      'user-agent': 'async-ai-task-runner',
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
    },
    lookup: pinned,
    // A new connection: a reused one might have been opened under another rule.
    agent: false as const,
    maxHeaderSize: HEADER_BYTES,
    signal,
  }
  return new Promise((done, failed) => {
    const sent: ClientRequest = (url.protocol === 'http:' ? requestHttp : requestHttps)(url, options)
    sent.on('response', (response) => {
      const retryAfter = response.headers['retry-after']
      done({ status: response.statusCode ?? 0, retryAfter })
      // The rest of the answer is ignored.
      response.on('error', () => undefined)
      response.destroy()
    })
    sent.on('error', failed)
    sent.end(body)
  })
}

/** Settles with the work, or rejects with the signal's reason. */
const withSignal = <Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> =>
  Promise.race([
    work,
    new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    ),
  ])

function readRetryAfter(text: string | undefined, now: number): number | undefined {
  if (!text) return undefined
  const ms = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}

/** Only the error code, because a message may quote what the receiver sent. */
const reasonOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? `connection failed (${code})` : 'connection failed'
}
