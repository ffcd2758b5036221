import { ATTEMPT, TIMING } from '../../functions/contract/timing.ts'
import { LANES, TABLE } from '../../functions/contract.ts'
import { PRICED } from '../../functions/core/domain/cost.ts'
import { type Dimension, METRICS } from '../../functions/metrics.ts'
import manifest from '../../functions/tasks/manifest.gen.json' with { type: 'json' }
import type { LaneSettings, StageSettings } from '../stages/stage-schema.ts'
import { PRICES } from './prices.ts'

export interface Load {
  readonly tasksPerMonth: number
  /** Mean length of an attempt. */
  readonly seconds: number
  /** Messages in a usual batch; left out, what the rate makes of the lane's settings. */
  readonly batch?: number
}

export interface CostLine {
  readonly name: string
  readonly usdPerMonth: number
  /** How it came about, in words. */
  readonly basis: string
}

export const SECONDS_PER_MONTH = 30.4 * 86_400
/** A submit and two looks. */
export const REQUESTS_PER_TASK = 3
const API_SECONDS = 0.012
/** Spread of the lengths of model calls: p95 is then 1.9 times the mean. */
const SIGMA = 0.45
/** Put: row, list and due entry. Claim: row, and a due entry in place of another. Complete: a row of 2 kB, one due entry less. */
const WRITE_UNITS = 9
/** Each change of a status that the list index projects. */
const LIST_UNITS = (TABLE.listIndex.include as readonly string[]).includes('status') ? 2 : 0
/** A heartbeat writes row and due index. */
const HEARTBEAT_UNITS = 4
/** Progress is told at most this often; it writes the row alone, of up to 2 kB. */
const PROGRESS_SECONDS = 2
const PROGRESS_UNITS = 2
/** The five lines of a task, as long as they are: submitted, claimed, called, completed with its metrics, answered. */
const LOG_BYTES = 3_344
/** One line of the access log a request, one report an invocation. */
const ACCESS_BYTES = 300
const REPORT_BYTES = 300
/** A row with its two index entries, prompt of 200 B, answer of 1 kB. */
const ROW_BYTES = 2_400
/** What leaves for the caller: three answers with their headers. */
const ANSWER_BYTES = 3 * 2_000
/** Long polls of an idle event source: five pollers, 20 s each. */
const POLLERS = 5
const IDLE_POLLS_PER_SECOND = POLLERS / 20

/**
 * What a stage costs in a month, model tokens apart.
 *
 * A worker is billed for the slowest of its batch, so the expected longest of `batch` log-normal lengths is counted
 * once for all of them.
 */
export function estimate(stage: StageSettings, load: Load): readonly CostLine[] {
  const { tasksPerMonth: tasks, seconds } = load
  const batch = load.batch ?? usualBatch(stage.lanes.ai, tasks / SECONDS_PER_MONTH, seconds).batch
  const requests = tasks * REQUESTS_PER_TASK
  const apiGb = stage.api.memoryMb / 1_024
  const beats = Math.floor(seconds / (TIMING.heartbeatMs / 1_000))
  const told = Math.floor(seconds / PROGRESS_SECONDS)
  const writes = WRITE_UNITS + LIST_UNITS + beats * HEARTBEAT_UNITS + told * PROGRESS_UNITS
  const looks = REQUESTS_PER_TASK - 1 + Math.floor(seconds / (ATTEMPT.cancelCheckMs / 1_000))
  const sqsCalls = 1 + 1 / batch + 2 / Math.min(batch, 10) + beats
  const invocations = tasks / batch
  const longest = seconds * longestOf(batch)
  const workerGb = stage.lanes.ai.memoryMb / 1_024
  const sweeps = SECONDS_PER_MONTH / 60 / stage.sweeper.everyMinutes
  const logGb =
    (tasks * LOG_BYTES + requests * (ACCESS_BYTES + REPORT_BYTES) + invocations * REPORT_BYTES) / 1e9
  const storedLogsGb = logGb * Math.min(1, stage.logs.retentionDays / 30.4)
  const storedGb = ((tasks * ROW_BYTES) / 1e9) * (stage.retentionDays / 30.4)
  const hasRecovery = stage.protection.hasPointInTimeRecovery
  const scanUnits = (storedGb * 1e9) / 8_192
  const canary = stage.api.hasCanary ? 5 : 0
  const { dashboards, alarmMetrics, composites } = watchOf(stage)
  const metrics = metricCount(stage, USUAL)
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
      name: 'Storage',
      usdPerMonth:
        storedGb * (PRICES.dynamoGbMonth + (hasRecovery ? PRICES.recoveryGbMonth : 0)) +
        30.4 * scanUnits * PRICES.dynamoReadUnit,
      basis: `${round(storedGb)} GB of rows for ${stage.retentionDays} days${hasRecovery ? ', with recovery' : ''}, scanned daily`,
    },
    {
      name: 'SQS',
      usdPerMonth: tasks * (sqsCalls * PRICES.sqsRequest + PRICES.sqsFairRequest),
      basis: `${round(sqsCalls)} requests a task`,
    },
    {
      name: 'Workers',
      usdPerMonth: invocations * (PRICES.lambdaRequest + longest * workerGb * PRICES.lambdaGbSecond),
      basis: `${round(longest)} s of ${stage.lanes.ai.memoryMb} MB for ${round(batch)} at once`,
    },
    {
      name: 'Logs',
      usdPerMonth: logGb * PRICES.logsGb + storedLogsGb * PRICES.logsGbMonth,
      basis: `${round(logGb)} GB, kept ${stage.logs.retentionDays} days`,
    },
    {
      name: 'Transfer',
      usdPerMonth: ((tasks * ANSWER_BYTES) / 1e9) * PRICES.transferGb,
      basis: `${ANSWER_BYTES / 1_000} kB a task to the internet`,
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
        sweeps * (3 * TABLE.dueShards * PRICES.dynamoReadUnit + 2 * LANES.length * PRICES.sqsRequest),
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
      basis: `${metrics} combinations of ${USUAL.Type} types in ${USUAL.Lane} lanes; at most ${metricCount(stage)}`,
    },
  ]
}

/** A typical wait; its request is the submission's or read's own. */
const WAIT_SECONDS = 10
/** Looks of a wait of that length: 100 ms apart at first, two seconds in the end. */
const WAIT_LOOKS = 11

/** What one second of a waiting call costs: its environment, its looks at the row, and its place taken and given back. */
export function waitingOf(stage: StageSettings): { readonly usd: number; readonly basis: string } {
  const looks = (WAIT_LOOKS / WAIT_SECONDS) * PRICES.dynamoReadUnit
  const place = (2 / WAIT_SECONDS) * PRICES.dynamoWriteUnit
  const usd = (stage.api.memoryMb / 1_024) * PRICES.lambdaGbSecond + looks + place
  return {
    usd,
    basis: `${stage.api.memoryMb} MB, ${WAIT_LOOKS} looks and 2 writes in ${WAIT_SECONDS} s, at most ${stage.api.waitPlaces} at once`,
  }
}

export const totalOf = (lines: readonly CostLine[]): number =>
  lines.reduce((sum, { usdPerMonth }) => sum + usdPerMonth, 0)

/**
 * How many messages a lane's worker usually gets at once. With no window a poller hands over what is there, which in a quiet
 * lane is one message. Batches fill while a window gathers, or while no more invocations may run at once.
 *
 * @returns `isEnough` false where even full batches do not keep up, and the queue grows.
 */
export function usualBatch(
  lane: Pick<LaneSettings, 'batchSize' | 'batchingWindowSeconds' | 'maxConcurrency'>,
  perSecond: number,
  seconds: number,
): { readonly batch: number; readonly isEnough: boolean } {
  const gathered = Math.min(lane.batchSize, Math.max(1, (perSecond * lane.batchingWindowSeconds) / POLLERS))
  const keepsUp = (batch: number) => (perSecond / batch) * seconds * longestOf(batch) <= lane.maxConcurrency
  for (let batch = gathered; batch < lane.batchSize; batch = Math.max(batch + 1, batch * 1.2))
    if (keepsUp(batch)) return { batch, isEnough: true }
  return { batch: lane.batchSize, isEnough: keepsUp(lane.batchSize) }
}

/**
 * The settings of the workers that cost least at this load: their memory (waiting for a model needs little), and how many
 * invocations may run at once, since fewer of them fill their batches. A task then may wait for a place, so one that would
 * be busy all the time is not offered.
 */
export function cheapest(stage: StageSettings, load: Load): { stage: StageSettings; usdPerMonth: number } {
  const perSecond = load.tasksPerMonth / SECONDS_PER_MONTH
  const options = [256, 512].flatMap((memoryMb) =>
    [2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000].map((maxConcurrency) => ({ memoryMb, maxConcurrency })),
  )
  const found = options
    .map((option) => ({ ...stage.lanes.ai, ...option }))
    // A tenth of the places stays free for what comes in bursts.
    .filter(
      (ai) =>
        usualBatch({ ...ai, maxConcurrency: ai.maxConcurrency * 0.9 }, perSecond, load.seconds).isEnough,
    )
    .map((ai) => {
      const changed = { ...stage, lanes: { ...stage.lanes, ai } }
      return { stage: changed, usdPerMonth: totalOf(estimate(changed, load)) }
    })
    .toSorted((left, right) => left.usdPerMonth - right.usdPerMonth)
  return found[0] ?? { stage, usdPerMonth: totalOf(estimate(stage, load)) }
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
export function metricCount({ models }: StageSettings, most: Partial<typeof USUAL> = {}): number {
  const all: Readonly<Record<Dimension, number>> = {
    Lane: LANES.length,
    Type: manifest.length,
    Provider: models.providers.length,
    // Each priced model has one provider, and every provider may have models without a price.
    Model: PRICED.length + 1,
    Code: ERROR_CODES,
  }
  const values = Object.fromEntries(
    Object.entries(all).map(([name, count]) => [name, Math.min(count, most[name as Dimension] ?? count)]),
  ) as Record<Dimension, number>
  return combinationsOf(METRICS, values)
}

/** What one product uses of it all month: a type or two, a model or two of one provider, and a few ways to fail. */
const USUAL: Readonly<Record<Dimension, number>> = { Lane: 2, Type: 2, Provider: 1, Model: 2, Code: 3 }

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
