import { ENV } from '../../../contract.ts'
import { clock, readConfig } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { healthSchema } from '../../schemas/task.ts'

export const getHealthRoute = defineRoute({
  method: 'GET',
  path: '/health',
  function: 'api-public',
  scope: 'open',
  summary: 'Check that the API is reachable',
  description: 'Touches nothing behind the API: a health check must not cost a table read.',
  answers: { 200: { description: 'The API is reachable.', schema: healthSchema } },
  needs: () => readConfig([ENV.serviceVersion]),
  handle: async (_, { SERVICE_VERSION }) => ({
    status: 200,
    body: {
      status: 'healthy' as const,
      app_name: 'Async AI Task Runner',
      version: SERVICE_VERSION,
      timestamp: new Date(clock.now()).toISOString(),
    },
  }),
})
