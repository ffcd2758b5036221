import { removeEndpoint } from '../../../core/application/webhook/webhook-settings.ts'
import { defineRoute } from '../../define-route.ts'
import { endpointParams } from '../../schemas/webhook.ts'
import { openWebhookNeeds } from '../../webhooks.ts'

export const deleteWebhookRoute = defineRoute({
  method: 'DELETE',
  path: '/webhooks/{id}',
  function: 'api-flows',
  scope: 'keys:admin',
  summary: 'Delete a webhook endpoint',
  description: 'Deliveries that have begun are still tried.',
  params: endpointParams,
  answers: { 204: { description: 'It is gone.' } },
  problems: [404],
  needs: openWebhookNeeds,
  handle: async ({ tenant, params: { id } }, needs) => {
    await removeEndpoint(needs, tenant, id)
    return { status: 204 }
  },
})
