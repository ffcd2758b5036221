import * as z from 'zod'
import { MAX_RESENT, resendFailed } from '../../../core/application/webhook/resend-webhook.ts'
import { defineRoute } from '../../define-route.ts'
import { deliveryFilter, toDeliveryFilter } from '../../schemas/webhook.ts'
import { openWebhookNeeds } from '../../webhooks.ts'

export const resendDeliveriesRoute = defineRoute({
  method: 'POST',
  path: '/webhooks/deliveries/resend',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Send webhook deliveries again that were given up',
  description: `The latest ${MAX_RESENT} that fit. Call it again for more.`,
  body: {
    isOptional: true,
    schema: z.strictObject(deliveryFilter),
  },
  answers: {
    202: {
      description: 'Number of deliveries that are sent again.',
      schema: z.object({ resent: z.int() }).meta({ id: 'WebhookDeliveriesResent' }),
    },
  },
  needs: openWebhookNeeds,
  handle: async ({ tenant, body }, needs) => ({
    status: 202,
    body: { resent: (await resendFailed(needs, tenant, toDeliveryFilter(body))).length },
  }),
})
