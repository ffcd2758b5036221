/**
 * Statistics of a tenant's tasks per hour and per day: how many ended with which status, their durations, their usage. The
 * end of a task is added once to the row of its hour and once to that of its day; see `TallyStore`.
 */
import type { Status, Task, Usage } from './task.ts'

/** The part of a task's usage that has been added so far; null where a part is unknown. */
export interface TallyUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costMicroUsd: number
  /** Saved by cheaper price tiers; absent on rows of earlier versions. */
  readonly savedMicroUsd?: number
  /** Part of the usage has no known price. */
  readonly isUnpriced: boolean
  readonly hasUsage: boolean
}

export const NO_TALLY_USAGE: TallyUsage = {
  inputTokens: 0,
  outputTokens: 0,
  costMicroUsd: 0,
  isUnpriced: false,
  hasUsage: false,
}

/** Stored on the task's row: the epoch whose end was added, the usage added so far, and the number of additions. */
export interface TalliedUsage extends TallyUsage {
  readonly epoch: number
  readonly additions: number
}

export const tallyUsageOf = (usage: Usage | undefined): TallyUsage =>
  usage
    ? {
        inputTokens: usage.inputTokens ?? 0,
        outputTokens: usage.outputTokens ?? 0,
        costMicroUsd: usage.costMicroUsd ?? 0,
        ...(usage.savedMicroUsd === undefined ? {} : { savedMicroUsd: usage.savedMicroUsd }),
        isUnpriced: usage.costMicroUsd === null,
        hasUsage: true,
      }
    : NO_TALLY_USAGE

export const isSameUsage = (one: TallyUsage, other: TallyUsage): boolean =>
  (Object.keys(NO_TALLY_USAGE) as (keyof TallyUsage)[]).every((name) => one[name] === other[name]) &&
  (one.savedMicroUsd ?? 0) === (other.savedMicroUsd ?? 0)

/** The values that one end adds. */
export interface Addition {
  readonly tenant: string
  readonly id: string
  readonly epoch: number
  readonly finishedAt: number
  readonly type: string
  readonly model: string
  readonly tags: readonly string[]
  readonly provider: string | undefined
  readonly status: Status
  /** The end was added before; this addition has only further usage. */
  readonly isLate: boolean
  /** From the start of the last attempt to the end. */
  readonly runMs: number | undefined
  /** From the submit, or the requested run time, to the start of the first attempt. */
  readonly waitMs: number | undefined
  /** The task's usage so far. */
  readonly usage: TallyUsage
  /** The part of it that earlier additions contain. */
  readonly before: TallyUsage
  /** Number of earlier additions; part of this one's identity. */
  readonly additions: number
}

export function additionOf(task: Task): Addition {
  const { tenant, id, epoch, type, model, tags, status, usage, tallied, startedAt, createdAt, runAt } = task
  const finishedAt = task.finishedAt ?? task.updatedAt ?? createdAt
  const firstStart = task.history[0]?.startedAt ?? startedAt
  return {
    ...{ tenant, id, epoch, finishedAt, type, tags, status },
    model: model ?? '',
    provider: usage?.provider,
    isLate: tallied?.epoch === epoch,
    runMs: startedAt === undefined ? undefined : Math.max(0, finishedAt - startedAt),
    waitMs: firstStart === undefined ? undefined : Math.max(0, firstStart - Math.max(createdAt, runAt ?? 0)),
    usage: tallyUsageOf(usage),
    before: tallied ?? NO_TALLY_USAGE,
    additions: tallied?.additions ?? 0,
  }
}

/** Each bucket of durations is 10 % wider than the one before, so that a quantile is exact to 5 %. */
const BUCKET_LOG_WIDTH = Math.log(1.1)

export const bucketOf = (ms: number): number => Math.round(Math.log(Math.max(1, ms)) / BUCKET_LOG_WIDTH)

const middleOf = (bucket: number): number => Math.round(Math.exp(bucket * BUCKET_LOG_WIDTH))

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Nearest-rank quantiles over counts per bucket. */
export function quantilesOf(buckets: ReadonlyMap<number, number>): Quantiles | undefined {
  const sorted = [...buckets].toSorted(([left], [right]) => left - right)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  if (total === 0) return undefined
  const at = (share: number) => {
    let left = Math.max(1, Math.ceil(total * share))
    for (const [bucket, count] of sorted) {
      left -= count
      if (left <= 0) return middleOf(bucket)
    }
    return 0
  }
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
