import { surveyTasks } from '../../../core/application/operate/survey-tasks.ts'
import { clock, openStore } from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { hoursQuery, usageAnswer } from '../../schemas/operate.ts'
import { iso } from '../../schemas/time.ts'

export const getUsageRoute = defineRoute({
  method: 'GET',
  path: '/usage',
  function: 'api-operate',
  scope: 'tasks:read',
  summary: 'Get tokens and cost by model',
  query: hoursQuery,
  answers: { 200: { description: 'Of the caller’s tasks created in that time.', schema: usageAnswer } },
  needs: () => ({ store: openStore(), clock }),
  handle: async ({ tenant, query: { hours } }, needs) => {
    const { since, byModel, isPartial } = await surveyTasks(needs, tenant, hours)
    const models = Object.values(byModel)
    const sum = (field: 'inputTokens' | 'outputTokens') =>
      models.reduce((total, use) => total + use[field], 0)
    const cost = models.reduce<number | null>(
      (total, { costMicroUsd }) => (total === null || costMicroUsd === null ? null : total + costMicroUsd),
      0,
    )
    return {
      status: 200,
      body: {
        since: iso(since),
        input_tokens: sum('inputTokens'),
        output_tokens: sum('outputTokens'),
        cost_usd: inDollars(cost),
        by_model: Object.fromEntries(
          Object.entries(byModel).map(([model, use]) => [
            model,
            {
              tasks: use.tasks,
              input_tokens: use.inputTokens,
              output_tokens: use.outputTokens,
              cost_usd: inDollars(use.costMicroUsd),
              provider: use.provider,
            },
          ]),
        ),
        is_partial: isPartial,
      },
    }
  },
})

const inDollars = (microUsd: number | null) => (microUsd === null ? null : microUsd / 1_000_000)
