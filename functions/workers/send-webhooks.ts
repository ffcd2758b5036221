import { webhookBody } from '../api/webhook-body.ts'
import { API_BASE } from '../contract.ts'
import { deliverWebhook } from '../core/application/webhook/deliver-webhook.ts'
import { causeFields } from '../core/domain/errors.ts'
import type { Payload, Task } from '../core/domain/task.ts'
import type { Delivery } from '../core/domain/webhook.ts'
import { clock, ids, log, openPayloads, openStore, openWebhookQueue, openWebhooks } from '../hosts/lambda.ts'
import { wakeQueueHandler } from '../hosts/wake-queue-handler.ts'
import { newSecret, openSender, signWebhook } from '../hosts/webhook-sender.ts'

const payloads = openPayloads()
const read = (payload: Payload) => payloads.read(payload)
const dependencies = {
  store: openStore(),
  webhooks: openWebhooks(),
  webhookQueue: openWebhookQueue(),
  sender: openSender(),
  sign: signWebhook,
  newSecret,
  clock,
  ids,
  log,
  bodyOf: (delivery: Delivery, task: Task | undefined) =>
    webhookBody(delivery, task, { base: API_BASE, read }),
}

/** The consumer of the webhook queue: sends the deliveries that its messages name, concurrently. */
export const handler = wakeQueueHandler(
  (key) => deliverWebhook(dependencies, key),
  ({ tenant, id }, error) => log('webhook.stuck', { tenant, delivery_id: id, ...causeFields(error) }),
)
