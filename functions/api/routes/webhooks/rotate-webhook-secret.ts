import { rotateSecret } from '../../../core/application/webhook/webhook-settings.ts'
import { defineRoute } from '../../define-route.ts'
import { secretSchema, toSecretJson } from '../../schemas/webhook.ts'
import { openWebhookNeeds } from '../../webhooks.ts'

export const rotateWebhookSecretRoute = defineRoute({
  method: 'POST',
  path: '/webhooks/secret/rotate',
  function: 'api-flows',
  scope: 'keys:admin',
  summary: 'Rotate the secret that webhooks are signed with',
  description: 'For a day every delivery has two signatures, of the new and of the previous secret.',
  answers: { 200: { description: 'The new secret.', schema: secretSchema } },
  needs: openWebhookNeeds,
  handle: async ({ tenant }, needs) => ({
    status: 200,
    body: toSecretJson(await rotateSecret(needs, tenant), needs.clock.now()),
  }),
})
