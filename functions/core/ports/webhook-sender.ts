import type { SendOutcome } from '../domain/webhook.ts'

/**
 * Posts to a URL that a caller chose: it must reach public addresses alone, follow no redirect, and end in time whatever
 * the receiver does.
 */
export interface WebhookSender {
  /** Never throws: whatever goes wrong is an outcome. */
  send(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<SendOutcome>
}

/** Signs as Standard Webhooks asks, once with each secret. */
export type SignWebhook = (
  secrets: readonly string[],
  id: string,
  timestampSeconds: number,
  body: string,
) => string
