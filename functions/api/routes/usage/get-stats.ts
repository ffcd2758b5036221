import { readTaskStats } from '../../../core/application/operate/read-stats.ts'
import type { Quantiles } from '../../../core/domain/tally.ts'
import { clock, openStore } from '../../../hosts/lambda.ts'
import { openTallies } from '../../../hosts/tallies.ts'
import { defineRoute } from '../../define-route.ts'
import { hoursQuery, statsAnswer } from '../../schemas/operate.ts'
import { iso } from '../../schemas/time.ts'

export const getStatsRoute = defineRoute({
  method: 'GET',
  path: '/stats',
  function: 'api-operate',
  scope: 'tasks:read',
  summary: 'Get counts, success rate, waits and run times',
  query: hoursQuery,
  answers: { 200: { description: 'Of the caller’s tasks that ended in this time.', schema: statsAnswer } },
  needs: () => ({ store: openStore(), tallies: openTallies(), clock }),
  handle: async ({ tenant, query: { hours } }, needs) => {
    const { since, counts, byType, successRate, runMs, waitMs, isPartial } = await readTaskStats(
      needs,
      tenant,
      hours,
    )
    return {
      status: 200,
      body: {
        since: iso(since),
        counts,
        success_rate: successRate ?? null,
        run_seconds: inSeconds(runMs),
        wait_seconds: inSeconds(waitMs),
        by_type: byType,
        is_partial: isPartial,
      },
    }
  },
})

const inSeconds = (quantiles: Quantiles | undefined) =>
  quantiles ? { p50: quantiles.p50 / 1_000, p95: quantiles.p95 / 1_000, p99: quantiles.p99 / 1_000 } : null
