import { ENV } from '../../../contract.ts'
import { clock, readConfig } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { healthQuery, healthSchema } from '../../schemas/health.ts'

export const getHealthRoute = defineRoute({
  method: 'GET',
  path: '/health',
  function: 'api-public',
  scope: 'open',
  summary: 'Check that the API is reachable',
  description: 'Uses nothing behind the API, so that a health check costs no table read.',
  query: healthQuery,
  answers: {
    200: { description: 'The API is reachable.', schema: healthSchema },
    307: {
      description: 'The deep check has its own path, because it needs a key.',
      schema: healthSchema,
      headers: { Location: 'GET /health/deep.' },
    },
  },
  needs: () => readConfig([ENV.serviceVersion]),
  handle: async ({ query: { deep }, base }, { SERVICE_VERSION }) => {
    const body = {
      status: 'healthy' as const,
      app_name: 'Async AI Task Runner',
      version: SERVICE_VERSION,
      timestamp: new Date(clock.now()).toISOString(),
    }
    // API Gateway checks keys per path and method, so a query field cannot require a key: redirect to a path that does.
    if (deep === '1' || deep === 'true')
      return { status: 307, headers: { location: `${base}/health/deep` }, body }
    return { status: 200, body }
  },
})
