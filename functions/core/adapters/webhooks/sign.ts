import { createHmac, randomBytes } from 'node:crypto'
import type { SignWebhook } from '../../ports/webhook-sender.ts'

const PREFIX = 'whsec_'

/** 32 bytes; Standard Webhooks recommends 24 to 64. */
export const newSecret = (): string => `${PREFIX}${randomBytes(32).toString('base64')}`

/** HMAC-SHA-256 over id, timestamp and body, once with each secret. */
export const signWebhook: SignWebhook = (secrets, id, timestampSeconds, body) =>
  secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
      const content = `${id}.${timestampSeconds}.${body}`
      return `v1,${createHmac('sha256', key).update(content).digest('base64')}`
    })
    .join(' ')
