/** Webhook dependencies of submits. Not in `webhook-sender.ts`, so that submits do not load a sender. */
import { ENV } from '../contract.ts'
import type { WebhookStore } from '../core/ports/webhook-store.ts'
import { cachePerTenant } from './cache-per-tenant.ts'
import { readConfig } from './lambda.ts'

/** Only on a local stage may a webhook go to the same machine, by plain HTTP. */
export const allowsLoopback = (): boolean => readConfig([ENV.stage]).STAGE === 'local'

/** Loaded at the first webhook: most submits have none, and the list of address ranges is 10 kB. */
export const refusalOfUrl = async (url: string): Promise<string | undefined> =>
  (await import('../core/adapters/webhooks/public-address.ts')).refusalOfUrl(url, allowsLoopback())

/** Whether a tenant has endpoints. */
export const openEndpointCheck = (webhooks: Pick<WebhookStore, 'settings'>) =>
  cachePerTenant(async (tenant) => {
    const settings = await webhooks.settings(tenant)
    return settings?.endpoints.some(({ goneAt }) => goneAt === undefined) ?? false
  })
