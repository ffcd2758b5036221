import { ATTEMPT, TIMING } from '../../functions/contract/timing.ts'
import { LANES, TABLE } from '../../functions/contract.ts'
import { type Dimension, METRICS, type MetricDefinition } from '../../functions/metrics.ts'
import type { LaneSettings, StageSettings } from '../stages/stage-schema.ts'
import { PRICES } from './prices.ts'
import { type SlotUse, simulateSlots } from './slots.ts'

export interface TaskLoad {
  readonly tasksPerMonth: number
  /** Mean duration of an attempt. */
  readonly seconds: number
}

export interface CostLine {
  readonly name: string
  readonly usdPerMonth: number
  /** How it was calculated, as a text. */
  readonly basis: string
}

export const SECONDS_PER_MONTH = 30.4 * 86_400
/** A submit and two reads. */
export const REQUESTS_PER_TASK = 3
const API_SECONDS = 0.012
/** Spread of the durations of model calls: p95 is then 1.9 times the mean. */
const SIGMA = 0.45
/**
 * Write units of a model task with a prompt of 200 bytes and an answer of 1,000, by DynamoDB's rules; verified by
 * `test/unit/write-units.test.ts`. The row grows from 0.8 to 2.1 kB.
 */
export const WRITE_UNITS = {
  /** The row, and its entries in three indexes. */
  submitted: 4,
  /** The row, and a replaced due entry. */
  claimed: 3,
  /** The row, its unchanged due entry, and the entry of its status. */
  ended: 5,
  /** The row, and its due entry. */
  counted: 4,
} as const
/** The rows of its hour and its day. */
const TALLY_UNITS = 2
/** Duration of a sweep without work. */
const SWEEP_SECONDS = 0.2
/** A heartbeat writes the row and the due index. */
const HEARTBEAT_UNITS = 4
/** Total length of a task's five log lines: submitted, claimed, called, completed with its metrics, answered. */
const LOG_BYTES = 3_200
/** One access log line per request; Lambda's own lines per invocation, start and report. */
const ACCESS_BYTES = 330
const REPORT_BYTES = 500
/** With a cached key; the authorizer writes no lines of Lambda's. */
const AUTHORIZER_SECONDS = 0.004
/** A row with its two index entries, a prompt of 200 B, and an answer of 1 kB. */
const ROW_BYTES = 2_400
/** Transfer to the caller: three answers with their headers. */
const ANSWER_BYTES = 3 * 2_000
/** Long polls of an idle event source: five pollers, 20 s each. */
const POLLERS = 5
const IDLE_POLLS_PER_SECOND = POLLERS / 20
/** Queues that trigger a function: the lanes', the workflow queue, the webhook queue. */
const FED_QUEUES = LANES.length + 2
/** A worker receives nothing more when less time than an attempt of this length, a poll and its reserve is left. */
const MIN_REMAINING_SECONDS = 240 + 2 + ATTEMPT.reserveMs / 1_000

/**
 * Monthly cost of a stage without model tokens.
 *
 * A worker is billed while any of its slots is used; `slots.ts` calculates how many are.
 */
export function estimate(stage: StageSettings, load: TaskLoad): readonly CostLine[] {
  const { tasksPerMonth: tasks, seconds } = load
  const use = slotUse(stage.lanes.ai, tasks / SECONDS_PER_MONTH, seconds)
  const requests = tasks * REQUESTS_PER_TASK
  const apiGb = stage.api.memoryMb / 1_024
  const hasAuthorizer = stage.api.auth === 'keys'
  const calls = hasAuthorizer ? 2 : 1
  const apiSeconds = API_SECONDS + (hasAuthorizer ? AUTHORIZER_SECONDS : 0)
  const beats = Math.floor(seconds / (TIMING.heartbeatMs / 1_000))
  const own = Object.values(WRITE_UNITS).reduce((sum, units) => sum + units, TALLY_UNITS)
  const writes = own + beats * HEARTBEAT_UNITS
  const looks = REQUESTS_PER_TASK - 1 + Math.floor(seconds / (ATTEMPT.cancelCheckMs / 1_000))
  // Each task: at most one send and one delete, the event source's receive with its visibility change, and the worker's own polls.
  const sqsCalls = 2 + 2 * use.invocations + use.polls + beats
  const invocations = tasks * use.invocations
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
  const metrics = metricCount(stage, USUAL, isUsual)
  return [
    {
      name: 'API Gateway',
      usdPerMonth: requests * PRICES.restRequest,
      basis: `${REQUESTS_PER_TASK} requests a task`,
    },
    {
      name: 'API functions',
      usdPerMonth: requests * (calls * PRICES.lambdaRequest + apiSeconds * apiGb * PRICES.lambdaGbSecond),
      basis: `${Math.round(apiSeconds * 1_000)} ms of ${stage.api.memoryMb} MB a request${hasAuthorizer ? ', with the authorizer' : ''}`,
    },
    {
      name: 'DynamoDB',
      usdPerMonth: tasks * (writes * PRICES.dynamoWriteUnit + looks * PRICES.dynamoReadUnit),
      basis: `${writes} write and ${looks} read units a task; one that tells progress: 2 more every 2 s`,
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
      basis: `${round(sqsCalls)} requests a task, ${round(use.polls)} of them a worker’s own polls`,
    },
    {
      name: 'Workers',
      usdPerMonth:
        invocations * PRICES.lambdaRequest + tasks * use.paidSeconds * workerGb * PRICES.lambdaGbSecond,
      basis: `${round(use.paidSeconds)} s of ${stage.lanes.ai.memoryMb} MB a task, ${Math.round(100 * use.used)} % of their slots used, ${Math.round(100 * use.refilled)} % refilled`,
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
      usdPerMonth: FED_QUEUES * IDLE_POLLS_PER_SECOND * SECONDS_PER_MONTH * PRICES.sqsRequest,
      basis: `${FED_QUEUES} queues, fixed`,
    },
    {
      name: 'Sweeper',
      usdPerMonth:
        sweeps *
          stage.sweeper.parts *
          (PRICES.schedulerCall +
            PRICES.lambdaRequest +
            SWEEP_SECONDS * (stage.sweeper.memoryMb / 1_024) * PRICES.lambdaGbSecond) +
        sweeps * (3 * TABLE.dueShards * PRICES.dynamoReadUnit + 2 * LANES.length * PRICES.sqsRequest),
      basis: `${stage.sweeper.parts} every ${stage.sweeper.everyMinutes} min, fixed`,
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
      basis: `${metrics} in every hour, for ${USUAL.Lane} lanes and ${USUAL.Provider} provider; at most ${metricCount(stage)}, each paid for the hours it is seen in`,
    },
  ]
}

/** A typical wait; its request is counted with the submit or read. */
const WAIT_SECONDS = 10
/** Reads during a wait of that length: every 100 ms at first, every two seconds at the end. */
const WAIT_LOOKS = 11

/** Cost of one second of a waiting call: its environment, its reads of the row, and its place. */
export function waitingOf(stage: StageSettings): { readonly usd: number; readonly basis: string } {
  const looks = (WAIT_LOOKS / WAIT_SECONDS) * PRICES.dynamoReadUnit
  const place = (2 / WAIT_SECONDS) * PRICES.dynamoWriteUnit
  const usd = (stage.api.memoryMb / 1_024) * PRICES.lambdaGbSecond + looks + place
  return {
    usd,
    basis: `${stage.api.memoryMb} MB, ${WAIT_LOOKS} looks and 2 writes in ${WAIT_SECONDS} s, at most ${stage.api.waitPlaces} at once`,
  }
}

/**
 * Reads and writes per second of watching a streamed text: counted at the local run's table on 2026-11-25, with a text of 20 s
 * with and without a client. The worker additionally writes the pieces, at most twice a second.
 */
const WATCH_READS = 6.3
const WATCH_WRITES = 2

/** Cost of one second of a watched event stream; a task that nobody watches costs nothing for it. */
export function watchingOf(stage: StageSettings): { readonly usd: number; readonly basis: string } {
  const items = WATCH_READS * PRICES.dynamoReadUnit + WATCH_WRITES * PRICES.dynamoWriteUnit
  return {
    usd: (stage.api.memoryMb / 1_024) * PRICES.lambdaGbSecond + items,
    basis: `${stage.api.memoryMb} MB, ${WATCH_READS} reads and ${WATCH_WRITES} writes a second, at most ${stage.api.watchPlaces} at once`,
  }
}

export const totalOf = (lines: readonly CostLine[]): number =>
  lines.reduce((sum, { usdPerMonth }) => sum + usdPerMonth, 0)

/** Amounts that AWS's permanent monthly free tiers deduct, for an account with no other use, by cost lines. */
const FREE_TIERS: readonly { readonly of: readonly string[]; readonly usd: number }[] = [
  { of: ['API functions', 'Workers'], usd: 400_000 * PRICES.lambdaGbSecond + 1e6 * PRICES.lambdaRequest },
  { of: ['SQS', 'Idle pollers'], usd: 1e6 * PRICES.sqsRequest },
  { of: ['Logs'], usd: 5 * PRICES.logsGb },
  { of: ['Metrics'], usd: 10 * PRICES.metric },
  { of: ['Dashboards and alarms'], usd: 10 * PRICES.alarm },
]

export const freeTierUsdOf = (lines: readonly CostLine[]): number =>
  FREE_TIERS.reduce(
    (sum, { of, usd }) => sum + Math.min(usd, totalOf(lines.filter(({ name }) => of.includes(name)))),
    0,
  )

/** Share of a lane's slots that may be busy permanently: the rest is for bursts, and for workers near their timeout. */
const MAX_BUSY_SHARE = 0.9

type LaneShape = Pick<LaneSettings, 'batchSize' | 'maxConcurrency' | 'timeoutSeconds'>

/** Tasks per second that a lane can process permanently. */
export const laneRate = ({ batchSize, maxConcurrency }: LaneShape, seconds: number): number =>
  (MAX_BUSY_SHARE * maxConcurrency * batchSize) / seconds

/** Above the lane's rate all its slots are used, and its queue grows. */
export const slotUse = (lane: LaneShape, perSecond: number, seconds: number): SlotUse =>
  simulateSlots(
    { perSecond: Math.min(perSecond, laneRate(lane, seconds)), seconds, sigma: SIGMA },
    {
      slots: lane.batchSize,
      invocations: lane.maxConcurrency,
      pollers: POLLERS,
      refillSeconds: Math.max(0, lane.timeoutSeconds - MIN_REMAINING_SECONDS),
    },
  )

/**
 * The cheapest settings of the workers at this load: their memory (waiting for a model needs little), and the number of
 * concurrent invocations, since fewer of them fill their batches. A task may then wait for a slot, so settings that would
 * be busy all the time are not offered.
 */
export function cheapest(
  stage: StageSettings,
  load: TaskLoad,
): { stage: StageSettings; usdPerMonth: number } {
  const perSecond = load.tasksPerMonth / SECONDS_PER_MONTH
  const options = [256, 512].flatMap((memoryMb) =>
    [2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000].map((maxConcurrency) => ({ memoryMb, maxConcurrency })),
  )
  const found = options
    .map((option) => ({ ...stage.lanes.ai, ...option }))
    .filter((ai) => laneRate(ai, load.seconds) >= perSecond)
    .map((ai) => {
      const changed = { ...stage, lanes: { ...stage.lanes, ai } }
      return { stage: changed, usdPerMonth: totalOf(estimate(changed, load)) }
    })
    .toSorted((left, right) => left.usdPerMonth - right.usdPerMonth)
  return found[0] ?? { stage, usdPerMonth: totalOf(estimate(stage, load)) }
}

/** Contents of the observability stack; a test compares it with the template. */
function watchOf({ hasObservability, observability, models }: StageSettings) {
  if (!hasObservability) return { dashboards: 0, alarmMetrics: 0, composites: 0 }
  // Three alarms per lane; and leases, sweeper, 5xx, latency, circuits, spend, budgets, webhooks.
  const plain = 3 * LANES.length + 9
  if (!observability.hasAllAlarms) return { dashboards: 2, alarmMetrics: plain, composites: 0 }
  // Throttled workers; errors of background functions; ratios of three metrics: failures, four burn rates; of two: one per provider.
  const ratios = LANES.length + 3 + 3 * 5 + 2 * models.providers.length
  return { dashboards: 2, alarmMetrics: plain + ratios, composites: 2 }
}

/** The possible combinations of dimension values of a stage's metrics; the cost when all occur all month. */
export const metricCount = (
  { models }: StageSettings,
  most: Partial<typeof USUAL> = {},
  isCounted: (metric: MetricDefinition) => boolean = () => true,
): number =>
  combinationsOf((METRICS as readonly MetricDefinition[]).filter(isCounted), {
    Lane: Math.min(LANES.length, most.Lane ?? LANES.length),
    Provider: Math.min(models.providers.length, most.Provider ?? models.providers.length),
  })

const isUsual = ({ isRarelySent }: MetricDefinition): boolean => !isRarelySent

/** Number of values that a typical stage uses all month. */
const USUAL: Readonly<Record<Dimension, number>> = { Lane: 2, Provider: 1 }

/** The number of metrics of these definitions, given the number of values of each dimension. */
export const combinationsOf = (
  definitions: readonly { readonly dimensions: readonly (readonly Dimension[])[] }[],
  values: Readonly<Record<Dimension, number>>,
): number =>
  definitions
    .flatMap(({ dimensions }) => dimensions)
    .reduce((sum, set) => sum + set.reduce((product, dimension) => product * values[dimension], 1), 0)

const round = (value: number) => Math.round(value * 100) / 100
