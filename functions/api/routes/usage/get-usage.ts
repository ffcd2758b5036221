import { type ModelUse, readUsageStats } from '../../../core/application/operate/read-stats.ts'
import { clock } from '../../../hosts/lambda.ts'
import { openTallies } from '../../../hosts/tallies.ts'
import { defineRoute } from '../../define-route.ts'
import { hoursQuery, usageAnswer } from '../../schemas/operate.ts'
import { iso } from '../../schemas/time.ts'

export const getUsageRoute = defineRoute({
  method: 'GET',
  path: '/usage',
  function: 'api-operate',
  scope: 'tasks:read',
  summary: 'Get tokens and cost by model, task type, day and tag',
  query: hoursQuery,
  answers: { 200: { description: 'Of the caller’s tasks that ended in this time.', schema: usageAnswer } },
  needs: () => ({ tallies: openTallies(), clock }),
  handle: async ({ tenant, query: { hours } }, needs) => {
    const { since, total, byModel, byType, byDay, byTag } = await readUsageStats(needs, tenant, hours)
    const { tasks: _tasks, ...sums } = toUse(total)
    return {
      status: 200,
      body: {
        since: iso(since),
        ...sums,
        by_model: mapped(byModel, (use) => ({ ...toUse(use), provider: use.provider })),
        by_type: mapped(byType, toUse),
        by_day: mapped(byDay, toUse),
        by_tag: mapped(byTag, toUse),
      },
    }
  },
})

const toUse = ({ tasks, inputTokens, outputTokens, costMicroUsd, savedMicroUsd }: ModelUse) => ({
  tasks,
  input_tokens: inputTokens,
  output_tokens: outputTokens,
  cost_usd: costMicroUsd === null ? null : costMicroUsd / 1_000_000,
  saved_usd: savedMicroUsd / 1_000_000,
})

const mapped = <From, To>(of: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, map(value)]))
