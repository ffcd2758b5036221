/** Verifies Signature Version 4, so that the embedded services answer only callers with this run's secret. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Access key id → secret access key of allowed callers. */
export type Keys = Readonly<Record<string, string>>

interface Claim {
  readonly credential: string
  readonly signedHeaders: string
  readonly signature: string
  readonly date: string
  readonly payloadHash: string
  readonly query: URLSearchParams
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/

/** Whether one of the keys signed the request, in its header or, for a presigned URL that has not expired, in its query. */
export function isSigned(request: IncomingMessage, keys: Keys): boolean {
  const [path = '/', search = ''] = (request.url ?? '/').split('?', 2)
  const query = new URLSearchParams(search)
  const claim = query.has('X-Amz-Signature') ? ofLink(query) : ofHeader(request, query)
  if (!claim) return false
  const [id = '', day = '', region = '', service = '', end] = claim.credential.split('/')
  const secret = Object.hasOwn(keys, id) ? keys[id] : undefined
  if (secret === undefined || end !== 'aws4_request') return false
  const headers = claim.signedHeaders
    .split(';')
    .map((name) => `${name}:${textOf(request.headers[name]).trim().replace(/\s+/g, ' ')}\n`)
  const canonical = [
    request.method,
    // Except for S3, the path is escaped once more than it is sent.
    service === 's3' ? path : encodeURIComponent(path).replaceAll('%2F', '/'),
    canonicalQuery(claim.query),
    headers.join(''),
    claim.signedHeaders,
    claim.payloadHash,
  ].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const text = ['AWS4-HMAC-SHA256', claim.date, scope, sha256(canonical)].join('\n')
  const expected = hmac(signingKey(secret, day, region, service), text)
  return timingSafeEqual(expected, Buffer.from(claim.signature, 'hex'))
}

function ofHeader({ headers }: IncomingMessage, query: URLSearchParams): Claim | undefined {
  const [, credential, signedHeaders, signature] = AUTHORIZATION.exec(headers.authorization ?? '') ?? []
  if (!credential || !signedHeaders || !signature) return undefined
  const date = textOf(headers['x-amz-date'])
  return {
    credential,
    signedHeaders,
    signature,
    date,
    payloadHash: textOf(headers['x-amz-content-sha256']),
    query,
  }
}

function ofLink(all: URLSearchParams): Claim | undefined {
  const part = (name: string) => all.get(`X-Amz-${name}`) ?? ''
  const date = part('Date')
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  const [year = 0, month = 0, ...rest] = parts.map(Number)
  const end = Date.UTC(year, month - 1, ...rest) + Number(part('Expires')) * 1_000
  const signature = part('Signature')
  if (!(end > Date.now()) || !/^[0-9a-f]{64}$/.test(signature)) return undefined
  const query = new URLSearchParams([...all].filter(([name]) => name !== 'X-Amz-Signature'))
  const payloadHash = all.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD'
  return {
    credential: part('Credential'),
    signedHeaders: part('SignedHeaders'),
    signature,
    date,
    payloadHash,
    query,
  }
}

const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value ?? []).join(',')

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const canonicalQuery = (query: URLSearchParams): string =>
  [...query]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&')

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Cached, because a signing key is valid for a day. */
const signingKeys = new Map<string, Buffer>()
function signingKey(secret: string, day: string, region: string, service: string): Buffer {
  const name = [secret, day, region, service].join('\n')
  const known = signingKeys.get(name)
  if (known) return known
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`) as Buffer
  if (signingKeys.size >= 100) signingKeys.clear()
  signingKeys.set(name, key)
  return key
}
