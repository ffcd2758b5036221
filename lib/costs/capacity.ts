import { LANES, TABLE } from '../../functions/contract.ts'
import { NEW_TABLE_WRITE_UNITS, type StageSettings } from '../stages/stage-schema.ts'
import { laneRate, REQUESTS_PER_TASK } from './estimate.ts'

/** Limit per partition of a table or an index: docs.aws.amazon.com/amazondynamodb, "Designing partition keys". */
const PARTITION_WRITE_UNITS = 1_000
/** Default limit of concurrent invocations per account: docs.aws.amazon.com/lambda, "Quotas". */
const ACCOUNT_CONCURRENCY = 1_000
/** Writes to the due index per task: put, claim (replaces one entry), end, removal after the statistics; plus one per heartbeat. */
const DUE_WRITES = 5
/** Writes to the list index: put, and each change of a projected attribute; to the state index: put, and removal at the end. */
const CHANGES = 2
export const listWrites = (include: readonly string[] = TABLE.listIndex.include): number =>
  1 + (include.includes('status') ? CHANGES : 0)
const STATE_WRITES = 2
/** Write units of the table without indexes: the row put, claimed, ended and counted (1, 1, 3, 3), its hour and its day. */
const ROW_UNITS = 10
const HEARTBEAT_SECONDS = 20

export interface Limit {
  readonly name: string
  readonly tasksPerSecond: number
  /** The setting or quota that changes it. */
  readonly basis: string
}

/** The limits of a stage for tasks of this duration, lowest first, so that the first one is the bottleneck. */
export function limitsOf(stage: StageSettings, seconds: number): readonly Limit[] {
  const { ai } = stage.lanes
  const dueWrites = DUE_WRITES + Math.floor(seconds / HEARTBEAT_SECONDS)
  const reserved = invocationsAtOnce(stage)
  return [
    {
      name: 'Lane ai',
      tasksPerSecond: laneRate(ai, seconds),
      basis: `lanes.ai: nine tenths of ${ai.maxConcurrency} × ${ai.batchSize} slots`,
    },
    {
      name: 'One key',
      tasksPerSecond: stage.api.requestsPerSecond / REQUESTS_PER_TASK,
      basis: `api.requestsPerSecond ${stage.api.requestsPerSecond}, ${REQUESTS_PER_TASK} requests a task`,
    },
    {
      name: 'One tenant’s list',
      tasksPerSecond: (TABLE.listShards * PARTITION_WRITE_UNITS) / Math.max(listWrites(), STATE_WRITES),
      basis: `${listWrites()} write a task into ${TABLE.listShards} partitions of the list index, ${STATE_WRITES} into as many of the state index`,
    },
    {
      name: 'What is due',
      tasksPerSecond: (TABLE.dueShards * PARTITION_WRITE_UNITS) / dueWrites,
      basis: `${dueWrites} writes a task into ${TABLE.dueShards} partitions of the due index`,
    },
    {
      name: 'A new table',
      tasksPerSecond: (stage.table.warmWriteUnits ?? NEW_TABLE_WRITE_UNITS) / ROW_UNITS,
      basis: `${ROW_UNITS} write units a task of ${stage.table.warmWriteUnits ?? NEW_TABLE_WRITE_UNITS}, doubled each time it was reached; table.warmWriteUnits`,
    },
    {
      name: 'The account',
      tasksPerSecond: laneRate(
        { ...ai, maxConcurrency: ACCOUNT_CONCURRENCY - reserved + ai.maxConcurrency },
        seconds,
      ),
      basis: `${ACCOUNT_CONCURRENCY} invocations at once, ${reserved} of them promised to the lanes and the API`,
    },
  ].toSorted((left, right) => left.tasksPerSecond - right.tasksPerSecond)
}

/** Processor time of the sweeper per sent task: 0.33 ms measured by `npm run bench:sweep` on 2026-11-25, times three for TLS and a slower processor. */
export const SWEEP_CPU_MS = 1
/** Memory with which a function has one processor: docs.aws.amazon.com/lambda, "Configure Lambda function memory". */
const PROCESSOR_MB = 1_769

/** Tasks per second that all sweepers together can send when they are due. */
export const sweepRate = ({ sweeper }: StageSettings): number =>
  (sweeper.parts * Math.min(1, sweeper.memoryMb / PROCESSOR_MB) * 1_000) / SWEEP_CPU_MS

/** A request takes about 30 ms including network, an operator's longer; rounded up. */
const API_SECONDS = 0.1

/** The most concurrent invocations of a fully busy stage. */
export const invocationsAtOnce = ({ lanes, api }: StageSettings): number =>
  LANES.reduce((sum, lane) => sum + lanes[lane].maxConcurrency, 0) +
  Math.ceil(api.requestsPerSecond * API_SECONDS)
