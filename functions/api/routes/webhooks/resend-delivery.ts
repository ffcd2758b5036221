import { resendWebhook } from '../../../core/application/webhook/resend-webhook.ts'
import { defineRoute } from '../../define-route.ts'
import { deliveryParams, deliverySchema, toDeliveryJson } from '../../schemas/webhook.ts'
import { openWebhookNeeds } from '../../webhooks.ts'

export const resendDeliveryRoute = defineRoute({
  method: 'POST',
  path: '/webhooks/deliveries/{id}/resend',
  function: 'api-flows',
  scope: 'tasks:write',
  summary: 'Send a webhook delivery again',
  description: 'Under the same webhook-id, whether it arrived or was given up.',
  params: deliveryParams,
  answers: { 202: { description: 'It is sent again.', schema: deliverySchema } },
  problems: [404, 409],
  needs: openWebhookNeeds,
  handle: async ({ tenant, params: { id } }, needs) => ({
    status: 202,
    body: toDeliveryJson(await resendWebhook(needs, { tenant, id })),
  }),
})
