/** What whoever submits needs of webhooks. Apart from `webhook-sender.ts`, so that no submit carries a sender. */
import { ENV } from '../contract.ts'
import type { WebhookStore } from '../core/ports/webhook-store.ts'
import { clock, readConfig } from './lambda.ts'

/** On the developer's own machine alone a webhook may go to that machine, by plain HTTP. */
export const allowsLoopback = (): boolean => readConfig([ENV.stage]).STAGE === 'local'

/** Loaded when a webhook comes: most submits have none, and the names of address ranges are 10 kB. */
export const refusalOfUrl = async (url: string): Promise<string | undefined> =>
  (await import('../core/adapters/webhooks/public-address.ts')).refusalOfUrl(url, allowsLoopback())

/** How long an answer about a tenant is believed: a new endpoint hears of tasks submitted so much later, at most. */
const BELIEVED_MS = 10_000
const MOST_TENANTS = 10_000

/** Whether a tenant has endpoints: one read per tenant, execution environment and ten seconds. */
export function openEndpointCheck(webhooks: Pick<WebhookStore, 'settings'>) {
  const known = new Map<string, { readonly until: number; readonly answer: Promise<boolean> }>()
  return (tenant: string): Promise<boolean> => {
    const now = clock.now()
    const seen = known.get(tenant)
    if (seen && seen.until > now) return seen.answer
    if (known.size >= MOST_TENANTS) known.clear()
    const answer = webhooks
      .settings(tenant)
      .then((settings) => settings?.endpoints.some(({ goneAt }) => goneAt === undefined) ?? false)
    known.set(tenant, { until: now + BELIEVED_MS, answer })
    answer.catch(() => known.delete(tenant))
    return answer
  }
}
