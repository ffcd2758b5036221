import * as z from 'zod'
import {
  DELIVERY_STATUSES,
  type Delivery,
  WEBHOOK_EVENTS,
  type WebhookEndpoint,
  type WebhookSettings,
} from '../../core/domain/webhook.ts'
import type { DeliveryFilter } from '../../core/ports/webhook-store.ts'
import { iso } from './time.ts'

const time = z.iso.datetime()

export const webhookEvent = z.enum(WEBHOOK_EVENTS).meta({ id: 'WebhookEvent' })

export const webhookShape = z.strictObject({
  url: z
    .string()
    .min(1)
    .max(2_000)
    .describe('https, to a public address; on stage local also http to this machine.'),
  events: z
    .array(webhookEvent)
    .min(1)
    .max(10)
    .optional()
    .describe('By default all events of an end: completed, failed, cancelled and expired.'),
})

export const endpointParams = z.object({ id: z.string().describe('Id of the endpoint.') })

export const endpointSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(webhookEvent).nullable().describe('Null: every end.'),
    created_at: time,
    gone_at: time.nullable().describe('When its receiver answered 410; nothing has been sent to it since.'),
  })
  .meta({ id: 'WebhookEndpoint' })

export const secretSchema = z
  .object({
    secret: z.string().describe('The key with which receivers check signatures; begins with whsec_.'),
    previous_valid_until: time.nullable().describe('Until then the previous secret also signs.'),
  })
  .meta({ id: 'WebhookSecret' })

export const deliveryParams = z.object({ id: z.string().describe('Id of the delivery, its webhook-id.') })

export const deliveryStatus = z.enum(DELIVERY_STATUSES).meta({ id: 'DeliveryStatus' })

const instant = z.iso.datetime({ offset: true })

/** Filters for deliveries; without any, all are listed. */
export const deliveryFilter = {
  task_id: z.string().min(1).max(100).optional(),
  endpoint: z.string().min(1).max(100).optional().describe('Id of an endpoint.'),
  event: webhookEvent.optional(),
  created_after: instant.optional().describe('RFC 3339, inclusive.'),
  created_before: instant.optional().describe('RFC 3339, inclusive.'),
}
const filterShape = z.object(deliveryFilter)

export const toDeliveryFilter = (given: z.output<typeof filterShape>): Omit<DeliveryFilter, 'status'> => ({
  ...(given.task_id ? { taskId: given.task_id } : {}),
  ...(given.endpoint ? { endpoint: given.endpoint } : {}),
  ...(given.event ? { event: given.event } : {}),
  ...(given.created_after ? { createdAfter: Date.parse(given.created_after) } : {}),
  ...(given.created_before ? { createdBefore: Date.parse(given.created_before) } : {}),
})

export const deliverySchema = z
  .object({
    id: z.string(),
    task_id: z.string(),
    event: webhookEvent,
    url: z.string(),
    endpoint: z.string().nullable().describe('Null when the submission named the URL.'),
    status: deliveryStatus.describe('FAILED: given up; resend it by hand.'),
    attempts: z.int().describe('Tries since it was created or resent.'),
    next_at: time.nullable(),
    created_at: time,
    log: z.array(
      z.object({
        at: time,
        seconds: z.number(),
        status: z.int().nullable().describe('HTTP status of the receiver’s answer.'),
        error: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'WebhookDelivery' })

export const toEndpointJson = ({ id, url, events, createdAt, goneAt }: WebhookEndpoint) => ({
  id,
  url,
  events: events ? [...events] : null,
  created_at: iso(createdAt),
  gone_at: iso(goneAt),
})

export const toDeliveryJson = (delivery: Delivery) => ({
  id: delivery.id,
  task_id: delivery.taskId,
  event: delivery.event,
  url: delivery.url,
  endpoint: delivery.endpoint ?? null,
  status: delivery.status,
  attempts: delivery.attempts,
  next_at: iso(delivery.nextAt),
  created_at: iso(delivery.createdAt),
  log: delivery.log.map(({ at, ms, status, error }) => ({
    at: iso(at),
    seconds: ms / 1_000,
    status: status ?? null,
    error: error ?? null,
  })),
})

export const toSecretJson = ({ secret, previousSecret }: WebhookSettings, now: number) => ({
  secret,
  previous_valid_until: previousSecret && previousSecret.until > now ? iso(previousSecret.until) : null,
})
