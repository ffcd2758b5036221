import { type Quantiles, type Survey, surveyTasks } from '../core/application/operate/survey-tasks.ts'
import { clock, type Door, type HttpRequest, openStore } from '../hosts/lambda.ts'
import { hoursQuery } from './schemas/operate.ts'
import { invalid, toFieldErrors } from './schemas/submit.ts'
import { iso } from './schemas/task-json.ts'

const dependencies = { store: openStore(), clock }

async function survey({ tenant, query }: HttpRequest): Promise<Survey> {
  const parsed = hoursQuery.safeParse(query)
  if (!parsed.success) throw invalid(toFieldErrors(parsed.error))
  return surveyTasks(dependencies, tenant, parsed.data.hours)
}

/** GET /stats — the caller's tasks by status and type, how long they waited and ran. */
export const showStatsDoor: Door = async (request) => {
  const { since, counts, byType, successRate, runMs, waitMs, isPartial } = await survey(request)
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
}

/** GET /usage — tokens and cost of the caller's tasks, by model. */
export const showUsageDoor: Door = async (request) => {
  const { since, byModel, isPartial } = await survey(request)
  const models = Object.values(byModel)
  const sum = (field: 'inputTokens' | 'outputTokens') => models.reduce((total, use) => total + use[field], 0)
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
}

const inDollars = (microUsd: number | null) => (microUsd === null ? null : microUsd / 1_000_000)
const inSeconds = (quantiles: Quantiles | undefined) =>
  quantiles ? { p50: quantiles.p50 / 1_000, p95: quantiles.p95 / 1_000, p99: quantiles.p99 / 1_000 } : null
