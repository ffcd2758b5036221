import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { newSecret, signWebhook } from '../../functions/core/adapters/webhooks/sign.ts'
import { verifyWebhook } from '../../lib/client/verify-webhook.ts'

const now = 1_800_000_000_000
const secret = newSecret()
const body = '{"type":"task.completed","data":{"id":"a","text":"你好"}}'
const headersOf = (secrets: readonly string[], at = now / 1_000) => ({
  'Webhook-Id': 'a1',
  'webhook-timestamp': String(at),
  'webhook-signature': signWebhook(secrets, 'a1', at, body),
})

describe('verifyWebhook', () => {
  it('returns the event for a valid signature, ours or the official library’s, also among others', async () => {
    const headers = headersOf([newSecret(), secret])
    expect(await verifyWebhook({ body, headers }, [secret], now)).toMatchObject({ data: { id: 'a' } })
    expect(
      await verifyWebhook({ body, headers: new Headers(headers) }, [newSecret(), secret], now),
    ).toMatchObject({
      type: 'task.completed',
    })
    const official = new Webhook(secret).sign('a1', new Date(now), body)
    expect(official).toBe(signWebhook([secret], 'a1', now / 1_000, body))
  })

  it.each([
    ['another body', { body: `${body} `, headers: headersOf([secret]) }],
    ['another secret', { body, headers: headersOf([newSecret()]) }],
    ['another id', { body, headers: { ...headersOf([secret]), 'Webhook-Id': 'a2' } }],
    ['an old timestamp', { body, headers: headersOf([secret], now / 1_000 - 301) }],
    ['a timestamp in the future', { body, headers: headersOf([secret], now / 1_000 + 301) }],
    ['a timestamp that is none', { body, headers: { ...headersOf([secret]), 'webhook-timestamp': '1e3' } }],
    ['no headers', { body, headers: {} }],
    [
      'a signature that is no base64',
      { body, headers: { ...headersOf([secret]), 'webhook-signature': 'v1,*' } },
    ],
    ['another version', { body, headers: { ...headersOf([secret]), 'webhook-signature': 'v1a,AAAA' } }],
  ])('refuses %s', async (_name, request) => {
    await expect(verifyWebhook(request, [secret], now)).rejects.toThrow(/webhook|signature/i)
  })

  it('fails when it has no secret to check with', async () => {
    await expect(verifyWebhook({ body, headers: headersOf([secret]) }, [], now)).rejects.toThrow(
      'No signature',
    )
  })
})
