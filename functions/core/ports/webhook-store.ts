import type { TaskKey } from '../domain/task.ts'
import type { Delivery, DeliveryStatus, WebhookEvent, WebhookSettings } from '../domain/webhook.ts'

export interface DeliveryPage {
  readonly deliveries: readonly Delivery[]
  /** Opaque; absent on the last page. */
  readonly cursor?: string
}

/**
 * Stores endpoints, signing keys and deliveries. Every write is one conditional write that replaces the version that was
 * read.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface WebhookStore {
  /** Undefined until the tenant's first use of webhooks. */
  settings(tenant: string): Promise<WebhookSettings | undefined>
  /** @returns the stored settings: the given ones, or existing ones. */
  createSettings(settings: WebhookSettings): Promise<WebhookSettings>
  replaceSettings(seen: WebhookSettings, next: WebhookSettings): Promise<boolean>
  /** Creates a delivery unless it exists. */
  createDelivery(delivery: Delivery): Promise<void>
  delivery(key: TaskKey): Promise<Delivery | undefined>
  replaceDelivery(seen: Delivery, next: Delivery): Promise<boolean>
  /** One page of a tenant's deliveries, newest first. */
  listDeliveries(
    tenant: string,
    filter: DeliveryFilter,
    limit: number,
    cursor?: string,
  ): Promise<DeliveryPage>
  /**
   * Takes one of a host's places for concurrent sends, which expires at `until`, whatever happens to its holder.
   * @returns a function that frees it early; undefined when all are taken.
   */
  takePlace(host: string, now: number, until: number): Promise<(() => Promise<void>) | undefined>
}

export interface DeliveryFilter {
  readonly status?: DeliveryStatus
  readonly taskId?: string
  readonly endpoint?: string
  readonly event?: WebhookEvent
  /** Instants, both inclusive. */
  readonly createdAfter?: number
  readonly createdBefore?: number
}

export const matchesFilter = (one: Delivery, filter: DeliveryFilter): boolean =>
  (filter.status === undefined || one.status === filter.status) &&
  (filter.taskId === undefined || one.taskId === filter.taskId) &&
  (filter.endpoint === undefined || one.endpoint === filter.endpoint) &&
  (filter.event === undefined || one.event === filter.event) &&
  one.createdAt >= (filter.createdAfter ?? 0) &&
  one.createdAt <= (filter.createdBefore ?? Number.POSITIVE_INFINITY)
