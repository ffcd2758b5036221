import middy from '@middy/core'
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { webhookBody } from '../api/webhook-body.ts'
import { API_BASE } from '../contract.ts'
import { deliverWebhook } from '../core/application/webhook/deliver-webhook.ts'
import { causeFields } from '../core/domain/errors.ts'
import type { Payload, Task } from '../core/domain/task.ts'
import type { Delivery } from '../core/domain/webhook.ts'
import { parseKick } from '../core/domain/workflow/parse-kick.ts'
import { clock, ids, log, openPayloads, openStore, openWebhookQueue, openWebhooks } from '../hosts/lambda.ts'
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

/** The consumer of the webhook queue: sends the deliveries that its messages name, side by side. */
export const handler = middy<SQSEvent, SQSBatchResponse>().handler(async (event) => {
  const failed = await Promise.all(
    event.Records.map(async ({ body, messageId }) => {
      const key = parseKick(body)
      if (!key) {
        log('message.unreadable', { message_id: messageId, bytes: body.length })
        return []
      }
      try {
        await deliverWebhook(dependencies, key)
        return []
      } catch (error) {
        log('webhook.stuck', { tenant: key.tenant, delivery_id: key.id, ...causeFields(error) })
        return [{ itemIdentifier: messageId }]
      }
    }),
  )
  return { batchItemFailures: failed.flat() }
})
