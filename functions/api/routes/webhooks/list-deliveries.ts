import * as z from 'zod'
import { defineRoute } from '../../define-route.ts'
import { pageShape, readCursor, writeCursor } from '../../schemas/cursor.ts'
import {
  deliveryFilter,
  deliverySchema,
  deliveryStatus,
  toDeliveryFilter,
  toDeliveryJson,
} from '../../schemas/webhook.ts'
import { openWebhookNeeds } from '../../webhooks.ts'

export const listDeliveriesRoute = defineRoute({
  method: 'GET',
  path: '/webhooks/deliveries',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'List webhook deliveries',
  description:
    'Newest first, each with its tries; kept for seven days. status=FAILED lists those that were given up.',
  query: z.strictObject({
    status: deliveryStatus.optional(),
    ...deliveryFilter,
    ...pageShape,
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z
        .object({ deliveries: z.array(deliverySchema), next_cursor: z.string().nullable() })
        .meta({ id: 'WebhookDeliveryPage' }),
    },
  },
  needs: openWebhookNeeds,
  handle: async ({ tenant, query: { status, limit, cursor, ...filters } }, { webhooks }) => {
    const filter = { ...(status ? { status } : {}), ...toDeliveryFilter(filters) }
    const page = await webhooks.listDeliveries(tenant, filter, limit, readCursor(cursor))
    return {
      status: 200,
      body: { deliveries: page.deliveries.map(toDeliveryJson), next_cursor: writeCursor(page.cursor) },
    }
  },
})
