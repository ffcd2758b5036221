import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'

/** API Gateway's limit of a whole request. */
const BODY_BYTES = 10 * 1024 * 1024

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const

export type BodyOutcome =
  /** Null without a body. */
  | { readonly text: string | null }
  /** Type of the gateway's own answer. */
  | { readonly refused: 'REQUEST_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE' }

/**
 * The body as the function gets it: API Gateway decompresses gzip and deflate, whatever the API's setting for answers is, and
 * answers 415 to other encodings and to invalid data.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-make-request-with-compressed-payload.html
 */
export async function readBody(request: IncomingMessage): Promise<BodyOutcome> {
  const bytes = await readBytes(request)
  if (bytes === undefined) return { refused: 'REQUEST_TOO_LARGE' }
  if (bytes.length === 0) return { text: null }
  const coding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (coding === 'identity' || coding === '') return { text: bytes.toString('utf8') }
  if (coding !== 'gzip' && coding !== 'deflate') return { refused: 'UNSUPPORTED_MEDIA_TYPE' }
  try {
    return { text: (await DECODERS[coding](bytes, { maxOutputLength: BODY_BYTES })).toString('utf8') }
  } catch (cause) {
    const isLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    return { refused: isLarge ? 'REQUEST_TOO_LARGE' : 'UNSUPPORTED_MEDIA_TYPE' }
  }
}

/** @returns undefined for a body that is too large, of which the rest is not read. */
async function readBytes(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= BODY_BYTES) chunks.push(chunk as Buffer)
    // Reading a little further lets the client receive the answer instead of a connection reset.
    else if (bytes > 4 * BODY_BYTES) return undefined
  }
  return bytes > BODY_BYTES ? undefined : Buffer.concat(chunks)
}
