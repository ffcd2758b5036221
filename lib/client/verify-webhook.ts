/** Checks that a webhook is the stage's, as Standard Webhooks says. By Web Crypto: runs in browsers, Node, Deno and Bun. */
import type { TaskWebhook } from './types.ts'

/** The webhook is not the stage's, or too old to be sure. */
export class WebhookError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WebhookError'
  }
}

export interface WebhookRequest {
  /** As it came: parsing and writing it again would change its bytes. */
  readonly body: string
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
}

/** A captured request cannot be sent again later than this; clocks may differ by as much. */
const TOLERANCE_SECONDS = 300

/**
 * @param secrets of `GET /webhooks/secret`; several while a rotation is under way.
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
    // In constant time, by Web Crypto.
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
