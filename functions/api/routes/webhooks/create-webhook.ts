import { addEndpoint } from '../../../core/application/webhook/webhook-settings.ts'
import { defineRoute } from '../../define-route.ts'
import { endpointSchema, toEndpointJson, webhookShape } from '../../schemas/webhook.ts'
import { checkUrl, openWebhookNeeds } from '../../webhooks.ts'

export const createWebhookRoute = defineRoute({
  method: 'POST',
  path: '/webhooks',
  function: 'api-flows',
  scope: 'keys:admin',
  summary: 'Add a webhook endpoint',
  description:
    'Receives the events of every task that is submitted ten seconds later or after, signed according to Standard Webhooks. See GET /webhooks/secret.',
  body: {
    schema: webhookShape,
    examples: { ends: { summary: 'All events of a task’s end', value: { url: 'https://example.com/hook' } } },
  },
  answers: { 201: { description: 'The endpoint.', schema: endpointSchema } },
  needs: openWebhookNeeds,
  handle: async ({ tenant, body }, needs) => {
    await checkUrl(body.url)
    return { status: 201, body: toEndpointJson(await addEndpoint(needs, tenant, body)) }
  },
})
