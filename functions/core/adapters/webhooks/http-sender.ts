import { lookup as resolve } from 'node:dns/promises'
import { type ClientRequest, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, isIPv4, type LookupFunction } from 'node:net'
import type { SendOutcome } from '../../domain/webhook.ts'
import type { WebhookSender } from '../../ports/webhook-sender.ts'
import { isLoopback, isPublicAddress, refusalOfUrl } from './public-address.ts'

export interface HttpSenderOptions {
  /** Plain HTTP to this machine; only where the stage is this machine. */
  readonly allowsLoopback: boolean
  readonly timeoutMs?: number
  /** Every address of a name. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  readonly now?: () => number
}

/** Standard Webhooks asks for 15 to 30 s. */
const TIMEOUT_MS = 15_000
/** Of an answer's headers. The body is never read: the status says it all. */
const HEADER_BYTES = 8_192

const resolveAll = async (host: string): Promise<readonly string[]> =>
  (await resolve(host, { all: true })).map(({ address }) => address)

/**
 * Posts by Node's own client: no redirect is followed, no proxy asked. A name is resolved once, all its addresses must be
 * public, and the connection goes to the one that was looked at: a second answer of the name server is never asked for.
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
    // One clock for all of it: name server, handshake, and a receiver that sends a byte a second.
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

  /** @returns the address to connect to; undefined when any of the name's addresses is not to be reached. */
  async #resolve(url: URL): Promise<string | undefined> {
    const { allowsLoopback, lookup } = this.#options
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const addresses = isIP(host) === 0 ? await lookup(host) : [host]
    const isOwnMachine = allowsLoopback && (host === 'localhost' || isLoopback(host))
    const isAllowed = isOwnMachine ? isLoopback : isPublicAddress
    // A function outside a VPC has no way out by IPv6.
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
    // A connection of its own: a kept one could have been made by another rule.
    agent: false as const,
    maxHeaderSize: HEADER_BYTES,
    signal,
  }
  return new Promise((done, failed) => {
    const sent: ClientRequest = (url.protocol === 'http:' ? requestHttp : requestHttps)(url, options)
    sent.on('response', (response) => {
      const retryAfter = response.headers['retry-after']
      done({ status: response.statusCode ?? 0, retryAfter })
      // Whatever it still sends, or says it would, has no bearing.
      response.on('error', () => undefined)
      response.destroy()
    })
    sent.on('error', failed)
    sent.end(body)
  })
}

/** Resolves or rejects with the work, or rejects with the signal. */
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

/** The code alone: a message may quote what a receiver sent. */
const reasonOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? `connection failed (${code})` : 'connection failed'
}
