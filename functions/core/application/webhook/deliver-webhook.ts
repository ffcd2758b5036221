import { causeFields, UnavailableError } from '../../domain/errors.ts'
import type { Task, TaskKey } from '../../domain/task.ts'
import {
  afterAttempt,
  DELIVERY_LEASE_MS,
  type Delivery,
  MESSAGE_WAIT_MS,
  nextAttemptFields,
  type SendOutcome,
} from '../../domain/webhook.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import type { WakeQueue } from '../../ports/wake-queue.ts'
import type { SignWebhook, WebhookSender } from '../../ports/webhook-sender.ts'
import { markGone, openSettings, secretsAt, type WebhookSettingsDependencies } from './webhook-settings.ts'

export interface DeliverDependencies extends WebhookSettingsDependencies {
  readonly store: Pick<TaskStore, 'get'>
  readonly webhookQueue: WakeQueue
  readonly sender: WebhookSender
  readonly sign: SignWebhook
  /** The event's body. @param task undefined when the row is deleted. */
  readonly bodyOf: (delivery: Delivery, task: Task | undefined) => Promise<string>
}

/** A message may arrive this much early. */
const EARLY_MS = 1_000
/** The least wait of a delivery when its host already has too many slow requests in progress. */
const BUSY_MS = 2_000

/**
 * Sends one delivery, if it is due and no other worker is sending it.
 *
 * After a crash with a lease, the row is due when the lease ends. After a crash behind the receiver's answer, the event is sent
 * again with the same `webhook-id`, by which the receiver recognises it. After a crash before the next message, the row is due.
 *
 * @throws UnavailableError when a store did not answer; the row stays due.
 */
export async function deliverWebhook(dependencies: DeliverDependencies, key: TaskKey): Promise<void> {
  const { webhooks, clock, log } = dependencies
  const seen = await webhooks.delivery(key)
  const now = clock.now()
  if (seen?.status !== 'PENDING' || (seen.nextAt ?? 0) > now + EARLY_MS || (seen.leaseUntil ?? 0) > now)
    return
  const leaseUntil = now + DELIVERY_LEASE_MS
  const leased = { ...seen, leaseUntil, dueAt: leaseUntil }
  if (!(await webhooks.replaceDelivery(seen, leased))) return
  const held = { ...leased, version: seen.version + 1 }

  const leave = await webhooks.takePlace(hostOf(seen.url), now, leaseUntil)
  if (!leave) {
    const { leaseUntil: _lease, ...rest } = held
    await write(dependencies, held, {
      ...rest,
      ...nextAttemptFields(now + Math.round(BUSY_MS * (1 + 2 * clock.random())), now),
    })
    return
  }
  try {
    // A store that does not answer costs no try. Any other error does, because the delivery would otherwise be repeated for days.
    const outcome = await sendOnce(dependencies, seen).catch((error: unknown): SendOutcome => {
      if (error instanceof UnavailableError) throw error
      return { error: `the event could not be made (${causeFields(error).code})`, ms: 0 }
    })
    const after = afterAttempt(held, outcome, now, clock.now(), clock.random())
    // Before the delivery is written, because it is repeated with the delivery after a crash in between.
    if ('status' in outcome && outcome.status === 410 && seen.endpoint)
      await markGone(dependencies, seen.tenant, seen.endpoint)
    await write(dependencies, held, after)
    log(`webhook.${eventOf(after)}`, {
      tenant: seen.tenant,
      task_id: seen.taskId,
      delivery_id: seen.id,
      attempt: after.attempts,
      ...after.log.at(-1),
    })
  } finally {
    await leave().catch(() => undefined)
  }
}

/** A lost `progress` event has no effect, so no alarm counts it. */
function eventOf({ status, event }: Delivery): string {
  if (status === 'PENDING') return 'retrying'
  return status === 'FAILED' && event === 'progress' ? 'passed_over' : status.toLowerCase()
}

async function sendOnce(dependencies: DeliverDependencies, delivery: Delivery) {
  const { store, sender, sign, bodyOf, clock } = dependencies
  const task = await store.get({ tenant: delivery.tenant, id: delivery.taskId })
  const body = await bodyOf(delivery, task)
  const settings = await openSettings(dependencies, delivery.tenant)
  const timestamp = Math.floor(clock.now() / 1_000)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'webhook-id': delivery.id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': sign(secretsAt(settings, clock.now()), delivery.id, timestamp, body),
  }
  return sender.send(delivery.url, headers, body)
}

/** Writes the next state, and sends a message for the next try if a message can be delayed that long. */
async function write(
  { webhooks, webhookQueue, clock, log }: DeliverDependencies,
  held: Delivery,
  next: Delivery,
) {
  if (!(await webhooks.replaceDelivery(held, next)) || next.nextAt === undefined) return
  const waitMs = Math.max(0, next.nextAt - clock.now())
  if (waitMs > MESSAGE_WAIT_MS) return
  await webhookQueue
    .wake(next, Math.ceil(waitMs / 1_000))
    .catch((error) => log('webhook.unsent', { delivery_id: next.id, ...causeFields(error) }))
}

const hostOf = (url: string): string => {
  try {
    return new URL(url).host
  } catch {
    return 'invalid'
  }
}
