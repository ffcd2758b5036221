import { RequestError, UnavailableError } from '../../domain/errors.ts'
import {
  MAX_ENDPOINTS,
  SECRET_OVERLAP_MS,
  type Webhook,
  type WebhookEndpoint,
  type WebhookSettings,
} from '../../domain/webhook.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { WebhookStore } from '../../ports/webhook-store.ts'

export interface WebhookSettingsDependencies {
  readonly webhooks: WebhookStore
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly newSecret: () => string
}

const MAX_TRIES = 10

/** A tenant's settings; created at first use. */
export async function openSettings(
  { webhooks, newSecret }: Pick<WebhookSettingsDependencies, 'webhooks' | 'newSecret'>,
  tenant: string,
): Promise<WebhookSettings> {
  const seen = await webhooks.settings(tenant)
  return seen ?? webhooks.createSettings({ tenant, endpoints: [], secret: newSecret(), version: 1 })
}

/** The keys that sign at an instant, the newest first. */
export const secretsAt = ({ secret, previousSecret }: WebhookSettings, now: number): readonly string[] =>
  previousSecret && previousSecret.until > now ? [secret, previousSecret.secret] : [secret]

/** @throws RequestError `invalid_request` when the tenant has too many endpoints. */
export async function addEndpoint(
  dependencies: WebhookSettingsDependencies,
  tenant: string,
  { url, events }: Webhook,
): Promise<WebhookEndpoint> {
  const endpoint: WebhookEndpoint = {
    id: dependencies.ids.taskId(),
    url,
    ...(events ? { events } : {}),
    createdAt: dependencies.clock.now(),
  }
  await changeSettings(dependencies, tenant, (seen) => {
    if (seen.endpoints.length >= MAX_ENDPOINTS)
      throw new RequestError(
        'invalid_request',
        `A tenant can have ${MAX_ENDPOINTS} webhook endpoints. Delete one first.`,
        [{ path: '', message: `would be endpoint ${MAX_ENDPOINTS + 1} of at most ${MAX_ENDPOINTS}.` }],
      )
    return { ...seen, endpoints: [...seen.endpoints, endpoint] }
  })
  dependencies.log('webhook.endpoint_added', { tenant, endpoint_id: endpoint.id })
  return endpoint
}

/** @throws RequestError `not_found`. */
export async function removeEndpoint(
  dependencies: WebhookSettingsDependencies,
  tenant: string,
  id: string,
): Promise<void> {
  await changeSettings(dependencies, tenant, (seen) => {
    const endpoints = seen.endpoints.filter((endpoint) => endpoint.id !== id)
    if (endpoints.length === seen.endpoints.length)
      throw new RequestError('not_found', `There is no webhook endpoint "${id}".`)
    return { ...seen, endpoints }
  })
  dependencies.log('webhook.endpoint_removed', { tenant, endpoint_id: id })
}

/** The receiver answered that it no longer exists: no further events are sent to it. */
export const markGone = (
  dependencies: WebhookSettingsDependencies,
  tenant: string,
  id: string,
): Promise<unknown> =>
  changeSettings(dependencies, tenant, (seen) => ({
    ...seen,
    endpoints: seen.endpoints.map((endpoint) =>
      endpoint.id === id ? { ...endpoint, goneAt: dependencies.clock.now() } : endpoint,
    ),
  }))

/** Creates a new signing key; the previous one also signs for a day. */
export async function rotateSecret(
  dependencies: WebhookSettingsDependencies,
  tenant: string,
): Promise<WebhookSettings> {
  const secret = dependencies.newSecret()
  const until = dependencies.clock.now() + SECRET_OVERLAP_MS
  const next = await changeSettings(dependencies, tenant, (seen) => ({
    ...seen,
    secret,
    previousSecret: { secret: seen.secret, until },
  }))
  dependencies.log('webhook.secret_rotated', { tenant })
  return next
}

async function changeSettings(
  dependencies: WebhookSettingsDependencies,
  tenant: string,
  make: (seen: WebhookSettings) => WebhookSettings,
): Promise<WebhookSettings> {
  const { webhooks, clock } = dependencies
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const seen = await openSettings(dependencies, tenant)
    const next = make(seen)
    if (await webhooks.replaceSettings(seen, next)) return next
    await clock.sleep(Math.round(clock.random() * 20 * tries))
  }
  throw new UnavailableError('Too many at once change the webhook settings.')
}
