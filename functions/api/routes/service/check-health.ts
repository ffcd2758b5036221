import { checkHealth } from '../../../core/application/operate/check-health.ts'
import { clock, openDepths, openHealth, openPayloads } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { deepHealthSchema } from '../../schemas/health.ts'
import { iso } from '../../schemas/time.ts'

export const checkHealthRoute = defineRoute({
  method: 'GET',
  path: '/health/deep',
  function: 'api-operate',
  scope: 'ops:read',
  summary: 'Check everything that a task needs',
  description:
    'Writes to and reads from table and bucket, reads every queue, and returns the sweeper’s last run. GET /health?deep=1 redirects here.',
  answers: {
    200: { description: 'Everything works.', schema: deepHealthSchema },
    503: { description: 'Something does not work; the message says what.', schema: deepHealthSchema },
  },
  needs: () => ({ health: openHealth(), depths: openDepths(), payloads: openPayloads(), clock }),
  handle: async (_, needs) => {
    const { isOk, checks, lastSweepAt } = await checkHealth(needs)
    const body = {
      status: isOk ? ('healthy' as const) : ('degraded' as const),
      timestamp: iso(clock.now()),
      checks: Object.fromEntries(
        Object.entries(checks).map(([name, check]) => [
          name,
          {
            status: check.isOk ? ('ok' as const) : ('failed' as const),
            message: check.message,
            duration_ms: check.tookMs,
          },
        ]),
      ),
      sweeper_last_run_at: iso(lastSweepAt),
    }
    return isOk ? { status: 200, body } : { status: 503, headers: { 'retry-after': '5' }, body }
  },
})
