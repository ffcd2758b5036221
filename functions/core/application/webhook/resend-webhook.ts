import { RequestError } from '../../domain/errors.ts'
import type { TaskKey } from '../../domain/task.ts'
import { type Delivery, nextAttemptFields } from '../../domain/webhook.ts'
import type { Clock } from '../../ports/clock.ts'
import type { WakeQueue } from '../../ports/wake-queue.ts'
import type { DeliveryFilter, WebhookStore } from '../../ports/webhook-store.ts'

export interface ResendDependencies {
  readonly webhooks: WebhookStore
  readonly webhookQueue: WakeQueue
  readonly clock: Clock
}

/**
 * Sends a delivery again with the same id, with new tries over a day.
 *
 * @throws RequestError `not_found`; `wrong_state` while it is being tried.
 */
export async function resendWebhook(dependencies: ResendDependencies, key: TaskKey): Promise<Delivery> {
  const seen = await dependencies.webhooks.delivery(key)
  if (!seen) throw new RequestError('not_found', `There is no delivery "${key.id}".`)
  const next = await begin(dependencies, seen)
  if (!next)
    throw new RequestError(
      'wrong_state',
      'The delivery is being tried. Look at it, and resend it once it has ended.',
    )
  return next
}

/** Most deliveries per call: each costs a read and two writes, and a request has 29 s. */
export const MAX_RESENT = 100
/** A page reads 1,000 deliveries. */
const MAX_PAGES = 10

/** Sends failed deliveries again. @returns those that are now pending. */
export async function resendFailed(
  dependencies: ResendDependencies,
  tenant: string,
  filter: Omit<DeliveryFilter, 'status'>,
): Promise<readonly Delivery[]> {
  const wanted: Delivery[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const left = MAX_RESENT - wanted.length
    const page = await dependencies.webhooks.listDeliveries(
      tenant,
      { ...filter, status: 'FAILED' },
      left,
      cursor,
    )
    // Failed `progress` events are resent only when the filter names them.
    wanted.push(...page.deliveries.filter(({ event }) => event !== 'progress' || filter.event === 'progress'))
    cursor = page.cursor
    if (cursor === undefined || wanted.length >= MAX_RESENT) break
  }
  const begun = await Promise.all(wanted.map((one) => begin(dependencies, one)))
  return begun.filter((one) => one !== undefined)
}

/** If the process stops between the row and its message, the row is due. */
async function begin(
  { webhooks, webhookQueue, clock }: ResendDependencies,
  seen: Delivery,
): Promise<Delivery | undefined> {
  if (seen.status === 'PENDING') return undefined
  const now = clock.now()
  const next: Delivery = { ...seen, status: 'PENDING', attempts: 0, ...nextAttemptFields(now, now) }
  if (!(await webhooks.replaceDelivery(seen, next))) return undefined
  await webhookQueue.wake(next).catch(() => undefined)
  return next
}
