import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Duplex, pipeline, Readable } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import { ProviderError } from '../../../domain/errors.ts'
import { badAnswer, unreachable } from '../../../domain/provider-failure.ts'

export interface HttpReply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Readable
}

export type ProxyEnvironment = Readonly<Record<string, string | undefined>>

// No connection is reused: one that was idle while Lambda froze the environment is closed, and a call on it fails.
const openAgents = (proxyEnv: ProxyEnvironment) => ({
  'http:': new HttpAgent({ proxyEnv }),
  'https:': new HttpsAgent({ proxyEnv }),
})
let agents = openAgents({})
let hasProxy = false

/** The agents for calls of other clients; undefined when no proxy is set. */
export const proxyAgents = (): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } | undefined =>
  hasProxy ? { httpAgent: agents['http:'], httpsAgent: agents['https:'] } : undefined

/** Sends all later calls through the proxy in `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. */
export function useProxy(proxyEnv: ProxyEnvironment): void {
  agents = openAgents(proxyEnv)
  hasProxy = Boolean(proxyEnv.HTTPS_PROXY || proxyEnv.HTTP_PROXY)
}

/**
 * Posts JSON (or gets, without a body) and resolves when the headers have arrived. Uses Node's own request instead of `fetch`,
 * which gives up after 300 s without a byte, and follows redirects, sending the prompt to another host.
 *
 * @throws ProviderError when there is no connection, or the answer is a redirect.
 */
export async function sendJson(
  provider: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: unknown,
  signal: AbortSignal,
): Promise<HttpReply> {
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const message = await send(url, headers, bytes, signal).catch((cause) => {
    throw unreachable(provider, describeCauses(cause))
  })
  const status = message.statusCode ?? 0
  const { location } = message.headers
  if (status >= 300 && status < 400) {
    message.destroy()
    throw new ProviderError(
      'provider_rejected',
      `${provider} answered ${status} and points to ${location === undefined ? 'no address' : addressOf(location, url)}. Redirects are not followed: the prompt would go to another address. Set the base URL to the right one.`,
      'never',
      provider,
      { status },
    )
  }
  return {
    status,
    headers: message.headers as HttpReply['headers'],
    body: decoded(provider, message, signal),
  }
}

/** Answers of status 1xx before the one that counts; a server that says every quarter of a second that it works stays below. */
const MAX_INTERIM_ANSWERS = 1_000

function send(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Buffer | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const isSecure = url.protocol === 'https:'
    const request = (isSecure ? httpsRequest : httpRequest)(
      url,
      {
        method: body ? 'POST' : 'GET',
        agent: agents[isSecure ? 'https:' : 'http:'],
        signal,
        headers: {
          accept: 'text/event-stream, application/json',
          'accept-encoding': 'identity',
          ...(body ? { 'content-type': 'application/json', 'content-length': body.length } : {}),
          ...headers,
        },
      },
      resolve,
    )
    request.on('error', reject)
    // Without a listener Node drops such a connection without an event, and neither an error nor the signal would end the call.
    request.on('upgrade', (_message, socket) => {
      socket.destroy()
      reject(new Error('it asked to speak another protocol'))
    })
    // They have no end of their own, and nothing else counts them.
    let interim = 0
    request.on('information', () => {
      interim += 1
      if (interim > MAX_INTERIM_ANSWERS)
        request.destroy(new Error(`more than ${MAX_INTERIM_ANSWERS} interim answers came`))
    })
    request.end(body)
  })
}

const DECODERS: Readonly<Record<string, (() => Duplex) | undefined>> = Object.assign(Object.create(null), {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  deflate: createAnyInflate,
  zstd: createZstdDecompress,
})

/** RFC 9110 §8.4.1.2: some servers send `deflate` without the zlib header, whose first byte ends in 8. */
function createAnyInflate(): Duplex {
  return Duplex.from(async function* (source: AsyncIterable<Buffer>) {
    const pieces = source[Symbol.asyncIterator]()
    const first = await pieces.next()
    if (first.done) return
    const inflate = ((first.value[0] ?? 0) & 15) === 8 ? createInflate() : createInflateRaw()
    async function* all() {
      yield first.value
      yield* { [Symbol.asyncIterator]: () => pieces }
    }
    yield* pipeline(all, inflate, () => undefined)
  })
}

/** More than any chain of proxies applies. */
const MAX_ENCODINGS = 4

/** A proxy may compress the answer although it was not asked for. */
function decoded(provider: string, message: IncomingMessage, signal: AbortSignal): Readable {
  const encodings = (message.headers['content-encoding'] ?? '')
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== '' && encoding !== 'identity')
  if (encodings.length === 0) return message
  const unknown = encodings.find((encoding) => !DECODERS[encoding])
  if (unknown !== undefined || encodings.length > MAX_ENCODINGS) {
    message.destroy()
    const name = (unknown ?? encodings.join()).slice(0, 60)
    // Read only where the status is a success; else the status says enough.
    return new Readable({
      read() {
        this.destroy(badAnswer(provider, `its encoding is "${name}", which nobody asked for`, 'never'))
      },
    })
  }
  const decoders = encodings.toReversed().flatMap((encoding) => DECODERS[encoding]?.() ?? [])
  const last = decoders.at(-1) as Duplex
  pipeline([message, ...decoders], () => message.destroy())
  // A few kilobytes that are all there can unpack for minutes: the connection's end does not stop that.
  const stop = () => last.destroy(new Error('the call was ended'))
  signal.addEventListener('abort', stop, { once: true })
  last.on('close', () => signal.removeEventListener('abort', stop))
  return last
}

/** Errors of the decoders; they say nothing about the connection. */
export const isDecodingError = (cause: unknown): boolean =>
  /^(Z_|ERR_+(ERROR|BROTLI|ZSTD)|ZSTD_)/.test(String((cause as { code?: unknown }).code))

/** The compressed bytes ended early. */
export const isTruncation = (cause: unknown): boolean => (cause as { code?: unknown }).code === 'Z_BUF_ERROR'

/** Without user, password and query, which may be secrets. */
function addressOf(location: string, base: URL): string {
  try {
    const { protocol, host, pathname } = new URL(location, base)
    if (!/^https?:$/.test(protocol)) return `an address that begins with "${protocol.slice(0, 20)}"`
    return clipped(`${protocol}//${host}${pathname}`)
  } catch {
    return 'an address that is none'
  }
}

const clipped = (address: string): string => (address.length > 200 ? `${address.slice(0, 200)}…` : address)

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name of the host could not be looked up just now',
  ECONNRESET: 'the connection was dropped',
  EPIPE: 'the connection was dropped',
  ETIMEDOUT: 'no answer to the connection',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no network',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by somebody unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by somebody unknown',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by somebody unknown',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
}

/** The messages of a connection error and of all its causes. */
export function describeCauses(error: unknown): string {
  const parts: string[] = []
  const queue: unknown[] = [error]
  for (let next = queue.shift(); next !== undefined && parts.length < 4; next = queue.shift()) {
    if (!(next instanceof Error)) continue
    const { code } = next as { code?: unknown }
    const words = typeof code === 'string' ? WORDS[code] : undefined
    const text = [words, next.message || (typeof code === 'string' ? code : '')].filter(Boolean).join(': ')
    if (text && !parts.includes(text)) parts.push(text)
    if (next.cause) queue.push(next.cause)
    if (next instanceof AggregateError) queue.push(...next.errors)
  }
  return parts.join('; ') || String(error)
}
