/** Verifies that a webhook was sent by the stage, according to Standard Webhooks. With Web Crypto, for browsers, Node, Deno and Bun. */
import type { TaskWebhook } from './types.ts'

/** The webhook was not sent by the stage, or is too old to be trusted. */
export class WebhookError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WebhookError'
  }
}

export interface WebhookRequest {
  /** Unparsed: parsing and serialising would change its bytes. */
  readonly body: string
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
}

/** Older webhooks are refused, so that a captured request cannot be repeated later; clocks may differ by this much. */
const TOLERANCE_SECONDS = 300

/**
 * @param secrets from `GET /webhooks/secret`; several during a rotation.
 * @returns the event.
 * @throws WebhookError
 *
 * @example
 * const { type, data } = await verifyWebhook({ body: await request.text(), headers: request.headers }, [secret])
 */
export async function verifyWebhook(
  { body, headers }: WebhookRequest,
  secrets: readonly string[],
  now = Date.now(),
): Promise<TaskWebhook> {
  const id = headerOf(headers, 'webhook-id')
  const timestamp = headerOf(headers, 'webhook-timestamp')
  const signatures = headerOf(headers, 'webhook-signature')
  if (!id || !timestamp || !signatures) throw new WebhookError('The headers of a webhook are missing.')
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1_000 - Number(timestamp)) > TOLERANCE_SECONDS)
    throw new WebhookError('The webhook is too old, or the clocks differ.')
  const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`)
  const given = signatures
    .split(' ')
    .filter((one) => one.startsWith('v1,'))
    .map((one) => bytesOf(one.slice(3)))
  for (const secret of secrets) {
    const raw = bytesOf(secret.replace(/^whsec_/, ''))
    const key =
      raw && (await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']))
    if (!key) throw new WebhookError('The secret is none: it begins with whsec_.')
    // Web Crypto compares in constant time.
    for (const signature of given)
      if (signature && (await crypto.subtle.verify('HMAC', key, signature, content)))
        return JSON.parse(body) as TaskWebhook
  }
  throw new WebhookError('No signature fits: the secret is another, or the body was changed.')
}

function headerOf(headers: WebhookRequest['headers'], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const value = Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1]
  return typeof value === 'string' ? value : value?.[0]
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
