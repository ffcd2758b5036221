import type { Task } from '../../domain/task.ts'
import {
  DELIVERY_DAYS,
  type Delivery,
  deliveryKey,
  includesEvent,
  nextAttemptFields,
  type WebhookEvent,
} from '../../domain/webhook.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { WakeQueue } from '../../ports/wake-queue.ts'
import type { WebhookStore } from '../../ports/webhook-store.ts'

export interface NotifyDependencies {
  readonly webhooks: WebhookStore
  readonly webhookQueue: WakeQueue
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
}

/**
 * Creates a delivery for each URL that receives an event. Their ids are derived, so that a repeated call creates none twice.
 *
 * If the process stops between a row and its message, the row is due.
 *
 * @throws UnavailableError when a delivery could not be created.
 */
export async function notifyWebhooks(
  { webhooks, webhookQueue, clock, ids, log }: NotifyDependencies,
  task: Task,
  event: WebhookEvent,
): Promise<void> {
  const { tenant, id: taskId, epoch } = task
  const endpoints = task.hasEndpoints ? ((await webhooks.settings(tenant))?.endpoints ?? []) : []
  const targets = [
    ...(task.webhook ? [{ ...task.webhook, id: undefined }] : []),
    ...endpoints.filter(({ goneAt }) => goneAt === undefined),
  ].filter((target) => includesEvent(target, event))
  const now = clock.now()
  const at = event === 'started' ? task.startedAt : event === 'progress' ? task.updatedAt : task.finishedAt
  const occurredAt = at ?? now
  for (const { url, id: endpoint } of targets) {
    const delivery: Delivery = {
      tenant,
      id: ids.derivedTaskId(tenant, deliveryKey({ taskId, epoch, event, occurredAt }, endpoint)),
      taskId,
      epoch,
      event,
      ...(event === 'progress' && task.progress ? { progress: task.progress } : {}),
      url,
      ...(endpoint === undefined ? {} : { endpoint }),
      status: 'PENDING',
      occurredAt,
      createdAt: now,
      attempts: 0,
      log: [],
      ...nextAttemptFields(now, now),
      ttl: Math.floor(now / 1_000) + DELIVERY_DAYS * 86_400,
      version: 1,
    }
    await webhooks.createDelivery(delivery)
    await webhookQueue
      .wake(delivery)
      .catch((error) => log('webhook.unsent', { tenant, delivery_id: delivery.id, cause: String(error) }))
  }
}
