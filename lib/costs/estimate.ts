import { ATTEMPT, TIMING } from '../../functions/contract/timing.ts'
import { LANES, TABLE } from '../../functions/contract.ts'
import { type Dimension, METRICS, type MetricDefinition } from '../../functions/metrics.ts'
import type { LaneSettings, StageSettings } from '../stages/stage-schema.ts'
import { PRICES } from './prices.ts'
import { type SlotUse, simulateSlots } from './slots.ts'

export interface Load {
  readonly tasksPerMonth: number
  /** Mean length of an attempt. */
  readonly seconds: number
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
/**
 * Write units of a model task with a prompt of 200 bytes and an answer of 1,000, by DynamoDB's rules; counted by
 * `test/unit/write-units.test.ts`. The row grows from 0.8 to 2.1 kB.
 */
export const WRITE_UNITS = {
  /** The row, and its entries in three indexes. */
  submitted: 4,
  /** The row, and a due entry in place of another. */
  claimed: 3,
  /** The row, its due entry as it stands, and the entry of its state. */
  ended: 5,
  /** The row, and its due entry. */
  counted: 4,
} as const
/** The rows of its hour and its day. */
const TALLY_UNITS = 2
/** A sweep that finds little. */
const SWEEP_SECONDS = 0.2
/** A heartbeat writes row and due index. */
const HEARTBEAT_UNITS = 4
/** The five lines of a task, as long as they are: submitted, claimed, called, completed with its metrics, answered. */
const LOG_BYTES = 3_200
/** One line of the access log a request; Lambda's own of an invocation, its start and its report. */
const ACCESS_BYTES = 330
const REPORT_BYTES = 500
/** A key that the authorizer knows already; it writes no lines of Lambda's. */
const AUTHORIZER_SECONDS = 0.004
/** A row with its two index entries, prompt of 200 B, answer of 1 kB. */
const ROW_BYTES = 2_400
/** What leaves for the caller: three answers with their headers. */
const ANSWER_BYTES = 3 * 2_000
/** Long polls of an idle event source: five pollers, 20 s each. */
const POLLERS = 5
const IDLE_POLLS_PER_SECOND = POLLERS / 20
/** Queues that feed a function: the lanes', that of workflows, that of webhooks. */
const FED_QUEUES = LANES.length + 2
/** A worker takes nothing more when it has no time for an attempt of this length, a poll, and its reserve. */
const LONGEST_SECONDS = 240 + 2 + ATTEMPT.reserveMs / 1_000

/**
 * What a stage costs in a month, model tokens apart.
 *
 * A worker is billed while one of its slots is used, however many: `slots.ts` says how many are.
 */
export function estimate(stage: StageSettings, load: Load): readonly CostLine[] {
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
  // Sent and deleted once each, at most; the event source's receive and the hiding of what it brought; the worker's own polls.
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

/**
 * Of a second in which somebody watches a text that comes: counted at the local run's table on 2026-11-25, a text of 20 s
 * with and without a watcher. A mark, and pieces at most twice a second, are what its worker writes more.
 */
const WATCH_READS = 6.3
const WATCH_WRITES = 2

/** What one second of a watched event stream costs; a task that nobody watches costs none of it. */
export function watchingOf(stage: StageSettings): { readonly usd: number; readonly basis: string } {
  const items = WATCH_READS * PRICES.dynamoReadUnit + WATCH_WRITES * PRICES.dynamoWriteUnit
  return {
    usd: (stage.api.memoryMb / 1_024) * PRICES.lambdaGbSecond + items,
    basis: `${stage.api.memoryMb} MB, ${WATCH_READS} reads and ${WATCH_WRITES} writes a second, at most ${stage.api.watchPlaces} at once`,
  }
}

export const totalOf = (lines: readonly CostLine[]): number =>
  lines.reduce((sum, { usdPerMonth }) => sum + usdPerMonth, 0)

/** What an account that runs nothing else does not pay, each month and without end, by the lines that it is taken from. */
const FREE_TIERS: readonly { readonly of: readonly string[]; readonly usd: number }[] = [
  { of: ['API functions', 'Workers'], usd: 400_000 * PRICES.lambdaGbSecond + 1e6 * PRICES.lambdaRequest },
  { of: ['SQS', 'Idle pollers'], usd: 1e6 * PRICES.sqsRequest },
  { of: ['Logs'], usd: 5 * PRICES.logsGb },
  { of: ['Metrics'], usd: 10 * PRICES.metric },
  { of: ['Dashboards and alarms'], usd: 10 * PRICES.alarm },
]

export const freeTierOf = (lines: readonly CostLine[]): number =>
  FREE_TIERS.reduce(
    (sum, { of, usd }) => sum + Math.min(usd, totalOf(lines.filter(({ name }) => of.includes(name)))),
    0,
  )

/** Of a lane's slots, what may be busy for long: the rest is for what comes in bursts, and for workers near their end. */
const MOST_BUSY = 0.9

type LaneShape = Pick<LaneSettings, 'batchSize' | 'maxConcurrency' | 'timeoutSeconds'>

/** Tasks a second that a lane keeps up with. */
export const laneRate = ({ batchSize, maxConcurrency }: LaneShape, seconds: number): number =>
  (MOST_BUSY * maxConcurrency * batchSize) / seconds

/** Beyond what the lane bears all its slots are used, and its queue grows. */
export const slotUse = (lane: LaneShape, perSecond: number, seconds: number): SlotUse =>
  simulateSlots(
    { perSecond: Math.min(perSecond, laneRate(lane, seconds)), seconds, sigma: SIGMA },
    {
      slots: lane.batchSize,
      invocations: lane.maxConcurrency,
      pollers: POLLERS,
      refillSeconds: Math.max(0, lane.timeoutSeconds - LONGEST_SECONDS),
    },
  )

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
    .filter((ai) => laneRate(ai, load.seconds) >= perSecond)
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
  // Three per lane; leases, sweeper, 5xx, latency, circuits, spend, budgets, webhooks.
  const plain = 3 * LANES.length + 9
  if (!observability.isFull) return { dashboards: 2, alarmMetrics: plain, composites: 0 }
  // The workers' throttles; errors of what a queue or a clock calls; ratios of three metrics: failures, four burn windows; of two: one per provider.
  const ratios = LANES.length + 3 + 3 * 5 + 2 * models.providers.length
  return { dashboards: 2, alarmMetrics: plain + ratios, composites: 2 }
}

/** Combinations of dimension values that a stage's metrics can have: what they cost when all are seen all month. */
export const metricCount = (
  { models }: StageSettings,
  most: Partial<typeof USUAL> = {},
  isCounted: (metric: MetricDefinition) => boolean = () => true,
): number =>
  combinationsOf((METRICS as readonly MetricDefinition[]).filter(isCounted), {
    Lane: Math.min(LANES.length, most.Lane ?? LANES.length),
    Provider: Math.min(models.providers.length, most.Provider ?? models.providers.length),
  })

const isUsual = ({ isRare }: MetricDefinition): boolean => !isRare

/** What one product uses of it all month. */
const USUAL: Readonly<Record<Dimension, number>> = { Lane: 2, Provider: 1 }

/** How many metrics of these definitions there are when each dimension has so many values. */
export const combinationsOf = (
  definitions: readonly { readonly dimensions: readonly (readonly Dimension[])[] }[],
  values: Readonly<Record<Dimension, number>>,
): number =>
  definitions
    .flatMap(({ dimensions }) => dimensions)
    .reduce((sum, set) => sum + set.reduce((product, dimension) => product * values[dimension], 1), 0)

const round = (value: number) => Math.round(value * 100) / 100
