import { openSettings } from '../../../core/application/webhook/webhook-settings.ts'
import { defineRoute } from '../../define-route.ts'
import { secretSchema, toSecretJson } from '../../schemas/webhook.ts'
import { openWebhookNeeds } from '../../webhooks.ts'

export const getWebhookSecretRoute = defineRoute({
  method: 'GET',
  path: '/webhooks/secret',
  function: 'api-flows',
  scope: 'keys:admin',
  summary: 'Show the secret that webhooks are signed with',
  description: 'One secret for all webhooks of a tenant, including those named by tasks.',
  answers: { 200: { description: 'The secret.', schema: secretSchema } },
  needs: openWebhookNeeds,
  handle: async ({ tenant }, needs) => ({
    status: 200,
    body: toSecretJson(await openSettings(needs, tenant), needs.clock.now()),
  }),
})
