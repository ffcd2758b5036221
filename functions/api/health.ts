import { ENV } from '../contract.ts'
import { clock, type Door, readConfig } from '../hosts/lambda.ts'

const config = readConfig([ENV.serviceVersion])

/** GET /health — the front door stands. Touches nothing behind it: a health check must not cost a table read. */
export const healthDoor: Door = async () => ({
  status: 200,
  body: {
    status: 'healthy',
    app_name: 'Async AI Task Runner',
    version: config.SERVICE_VERSION,
    timestamp: new Date(clock.now()).toISOString(),
  },
})
