import * as z from 'zod'
import { defineRoute } from '../../define-route.ts'
import { endpointSchema, toEndpointJson } from '../../schemas/webhook.ts'
import { openWebhookNeeds } from '../../webhooks.ts'

export const listWebhooksRoute = defineRoute({
  method: 'GET',
  path: '/webhooks',
  function: 'api-flows',
  scope: 'tasks:read',
  summary: 'List webhook endpoints',
  answers: {
    200: {
      description: 'All endpoints, oldest first.',
      schema: z.object({ webhooks: z.array(endpointSchema) }).meta({ id: 'WebhookEndpoints' }),
    },
  },
  needs: openWebhookNeeds,
  handle: async ({ tenant }, { webhooks }) => {
    const settings = await webhooks.settings(tenant)
    return { status: 200, body: { webhooks: (settings?.endpoints ?? []).map(toEndpointJson) } }
  },
})
