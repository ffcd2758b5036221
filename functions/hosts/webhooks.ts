/** What whoever submits needs of webhooks. Apart from `webhook-sender.ts`, so that no submit carries a sender. */
import { ENV } from '../contract.ts'
import type { WebhookStore } from '../core/ports/webhook-store.ts'
import { believe } from './believe.ts'
import { readConfig } from './lambda.ts'

/** On the developer's own machine alone a webhook may go to that machine, by plain HTTP. */
export const allowsLoopback = (): boolean => readConfig([ENV.stage]).STAGE === 'local'

/** Loaded when a webhook comes: most submits have none, and the names of address ranges are 10 kB. */
export const refusalOfUrl = async (url: string): Promise<string | undefined> =>
  (await import('../core/adapters/webhooks/public-address.ts')).refusalOfUrl(url, allowsLoopback())

/** Whether a tenant has endpoints. */
export const openEndpointCheck = (webhooks: Pick<WebhookStore, 'settings'>) =>
  believe(async (tenant) => {
    const settings = await webhooks.settings(tenant)
    return settings?.endpoints.some(({ goneAt }) => goneAt === undefined) ?? false
  })
