import { ATTEMPT, TIMING } from '../../functions/contract/timing.ts'
import { LANES } from '../../functions/contract.ts'
import { PRICED } from '../../functions/core/domain/cost.ts'
import { type Dimension, METRICS } from '../../functions/metrics.ts'
import manifest from '../../functions/tasks/manifest.gen.json' with { type: 'json' }
import type { StageSettings } from '../stages/stage-schema.ts'
import { PRICES } from './prices.ts'

export interface Load {
  readonly tasksPerMonth: number
  /** Mean length of an attempt. */
  readonly seconds: number
  /** Messages in a usual batch: 1 in a quiet lane, up to the lane's batch size in a busy one. */
  readonly batch: number
}

export interface CostLine {
  readonly name: string
  readonly usdPerMonth: number
  /** How it came about, in words. */
  readonly basis: string
}

const SECONDS_PER_MONTH = 30.4 * 86_400
/** A submit and two looks. */
const REQUESTS_PER_TASK = 3
const API_SECONDS = 0.012
/** Spread of the lengths of model calls: p95 is then 1.9 times the mean. */
const SIGMA = 0.45
/** Put 3, claim 4, complete 4: the row of up to 2 kB and its entries in two indexes. */
const WRITE_UNITS = 11
/** A heartbeat writes row and due index. */
const HEARTBEAT_UNITS = 4
/** Progress is told at most this often; it writes the row alone. */
const PROGRESS_SECONDS = 2
/** Five lines of 500 bytes, platform reports included. */
const LOG_BYTES = 2_500
/** Long polls of an idle event source: five pollers, 20 s each. */
const IDLE_POLLS_PER_SECOND = 5 / 20

/**
 * What a stage costs in a month, model tokens apart.
 *
 * A worker is billed for the slowest of its batch, so the expected longest of `batch` log-normal lengths is counted
 * once for all of them.
 */
export function estimate(stage: StageSettings, load: Load): readonly CostLine[] {
  const { tasksPerMonth: tasks, seconds, batch } = load
  const requests = tasks * REQUESTS_PER_TASK
  const apiGb = stage.api.memoryMb / 1_024
  const beats = Math.floor(seconds / (TIMING.heartbeatMs / 1_000))
  const told = Math.floor(seconds / PROGRESS_SECONDS)
  const writes = WRITE_UNITS + beats * HEARTBEAT_UNITS + told
  const looks = REQUESTS_PER_TASK - 1 + Math.floor(seconds / (ATTEMPT.cancelCheckMs / 1_000))
  const sqsCalls = 1 + 1 / batch + 2 / Math.min(batch, 10) + beats
  const invocations = tasks / batch
  const longest = seconds * longestOf(batch)
  const workerGb = stage.lanes.ai.memoryMb / 1_024
  const sweeps = SECONDS_PER_MONTH / 60 / stage.sweeper.everyMinutes
  const logGb = (tasks * LOG_BYTES) / 1e9
  const storedGb = logGb * Math.min(1, stage.logs.retentionDays / 30.4)
  const canary = stage.api.hasCanary ? 5 : 0
  const { dashboards, alarmMetrics, composites } = watchOf(stage)
  const metrics = metricCount(stage)
  return [
    {
      name: 'API Gateway',
      usdPerMonth: requests * PRICES.restRequest,
      basis: `${REQUESTS_PER_TASK} requests a task`,
    },
    {
      name: 'API functions',
      usdPerMonth: requests * (PRICES.lambdaRequest + API_SECONDS * apiGb * PRICES.lambdaGbSecond),
      basis: `12 ms of ${stage.api.memoryMb} MB each`,
    },
    {
      name: 'DynamoDB',
      usdPerMonth: tasks * (writes * PRICES.dynamoWriteUnit + looks * PRICES.dynamoReadUnit),
      basis: `${writes} write and ${looks} read units a task`,
    },
    {
      name: 'SQS',
      usdPerMonth: tasks * (sqsCalls * PRICES.sqsRequest + PRICES.sqsFairRequest),
      basis: `${round(sqsCalls)} requests a task`,
    },
    {
      name: 'Workers',
      usdPerMonth: invocations * (PRICES.lambdaRequest + longest * workerGb * PRICES.lambdaGbSecond),
      basis: `${round(longest)} s of ${stage.lanes.ai.memoryMb} MB for ${batch} at once`,
    },
    {
      name: 'Logs',
      usdPerMonth: logGb * PRICES.logsGb + storedGb * PRICES.logsGbMonth,
      basis: `${round(logGb)} GB, kept ${stage.logs.retentionDays} days`,
    },
    {
      name: 'Idle pollers',
      usdPerMonth: LANES.length * IDLE_POLLS_PER_SECOND * SECONDS_PER_MONTH * PRICES.sqsRequest,
      basis: `${LANES.length} lanes, fixed`,
    },
    {
      name: 'Sweeper',
      usdPerMonth:
        sweeps * (PRICES.lambdaRequest + 0.3 * (stage.sweeper.memoryMb / 1_024) * PRICES.lambdaGbSecond) +
        sweeps * (20 * PRICES.dynamoReadUnit + 2 * LANES.length * PRICES.sqsRequest),
      basis: `every ${stage.sweeper.everyMinutes} min, fixed`,
    },
    {
      name: 'Dashboards and alarms',
      usdPerMonth:
        dashboards * PRICES.dashboard +
        (alarmMetrics + canary) * PRICES.alarm +
        composites * PRICES.compositeAlarm,
      basis: `${dashboards} dashboards, ${alarmMetrics + canary} alarm metrics, ${composites} composites, fixed`,
    },
    {
      name: 'Metrics',
      usdPerMonth: metrics * PRICES.metric,
      basis: `at most: all ${metrics} combinations seen all month`,
    },
  ]
}

/** What the observability stack has; a test holds it against the template. */
function watchOf({ hasObservability, observability, models }: StageSettings) {
  if (!hasObservability) return { dashboards: 0, alarmMetrics: 0, composites: 0 }
  // Three per lane; leases, sweeper, 5xx, latency, circuits, spend.
  const plain = 3 * LANES.length + 7
  if (!observability.isFull) return { dashboards: 2, alarmMetrics: plain, composites: 0 }
  // The workers' throttles; ratios of three metrics: failures, four burn windows; of two: one per provider.
  const ratios = LANES.length + 3 * 5 + 2 * models.providers.length
  return { dashboards: 2, alarmMetrics: plain + ratios, composites: 2 }
}

/** Combinations of dimension values that a stage's metrics can have: what they cost when all are seen all month. */
export function metricCount({ models }: StageSettings): number {
  const values: Readonly<Record<Dimension, number>> = {
    Lane: LANES.length,
    Type: manifest.length,
    Provider: models.providers.length,
    // Each priced model has one provider, and every provider may have models without a price.
    Model: PRICED.length + 1,
    Code: ERROR_CODES,
  }
  return combinationsOf(METRICS, values)
}

/** How many metrics of these definitions there are when each dimension has so many values. */
export function combinationsOf(
  definitions: readonly { readonly dimensions: readonly (readonly Dimension[])[] }[],
  values: Readonly<Record<Dimension, number>>,
): number {
  const combinations = (set: readonly Dimension[]) =>
    set.includes('Model')
      ? values.Model - 1 + values.Provider
      : set.reduce((product, dimension) => product * values[dimension], 1)
  return definitions.flatMap(({ dimensions }) => dimensions).reduce((sum, set) => sum + combinations(set), 0)
}

/** Codes that a stage meets: the runner's own and the providers', about; task types may add some. */
const ERROR_CODES = 15

/** Mean of the longest of `count` log-normal lengths whose own mean is 1: the integral of 1 − F(x)^count. */
export function longestOf(count: number): number {
  const location = -(SIGMA ** 2) / 2
  const step = 0.002
  let sum = 0
  for (let x = step / 2; x < 12; x += step)
    sum += (1 - normal((Math.log(x) - location) / SIGMA) ** count) * step
  return sum
}

/** Normal distribution; Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const tail =
    ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.31938153) *
    t *
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI))
  return z > 0 ? 1 - tail : tail
}

const round = (value: number) => Math.round(value * 100) / 100
