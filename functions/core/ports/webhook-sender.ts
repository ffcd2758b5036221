import type { SendOutcome } from '../domain/webhook.ts'

/**
 * Posts to a URL that a caller chose: it must reach only public addresses, follow no redirect, and end in time whatever the
 * receiver does.
 */
export interface WebhookSender {
  /** Never throws: every failure is an outcome. */
  send(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<SendOutcome>
}

/** Signs according to Standard Webhooks, once with each secret. */
export type SignWebhook = (
  secrets: readonly string[],
  id: string,
  timestampSeconds: number,
  body: string,
) => string
