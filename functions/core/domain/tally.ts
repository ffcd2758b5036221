/**
 * What a tenant's hours and days hold of its tasks: how many ended how, how long they took, what they used. The end of a
 * task is added to the row of its hour and to that of its day, each once; see `TallyStore`.
 */
import type { Status, Task, Usage } from './task.ts'

/** What of a task's usage has been added so far; null where a part is not known. */
export interface Counted {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costMicroUsd: number
  /** By cheaper price tiers; rows of before have none. */
  readonly savedMicroUsd?: number
  /** Some of it has no known price. */
  readonly isUnpriced: boolean
  readonly hasUsage: boolean
}

export const NOTHING: Counted = {
  inputTokens: 0,
  outputTokens: 0,
  costMicroUsd: 0,
  isUnpriced: false,
  hasUsage: false,
}

/** On the row of a task: of which epoch the end was added, how much usage in all, and in how many additions. */
export interface Tallied extends Counted {
  readonly epoch: number
  readonly additions: number
}

export const countedOf = (usage: Usage | undefined): Counted =>
  usage
    ? {
        inputTokens: usage.inputTokens ?? 0,
        outputTokens: usage.outputTokens ?? 0,
        costMicroUsd: usage.costMicroUsd ?? 0,
        ...(usage.savedMicroUsd === undefined ? {} : { savedMicroUsd: usage.savedMicroUsd }),
        isUnpriced: usage.costMicroUsd === null,
        hasUsage: true,
      }
    : NOTHING

export const isSameUsage = (one: Counted, other: Counted): boolean =>
  (Object.keys(NOTHING) as (keyof Counted)[]).every((name) => one[name] === other[name]) &&
  (one.savedMicroUsd ?? 0) === (other.savedMicroUsd ?? 0)

/** What one end adds. */
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
  /** The end itself was added before; only usage is new. */
  readonly isLate: boolean
  /** From the start of the last attempt to the end. */
  readonly runMs: number | undefined
  /** From submission, or the time asked for, to the start of the first attempt. */
  readonly waitMs: number | undefined
  /** All of the task's usage so far. */
  readonly usage: Counted
  /** What earlier additions had of it. */
  readonly before: Counted
  /** How many additions came before: part of what identifies this one. */
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
    usage: countedOf(usage),
    before: tallied ?? NOTHING,
    additions: tallied?.additions ?? 0,
  }
}

/** Each bucket of times is a tenth wider than the one before: a quantile is within 5 %. */
const GROWTH = Math.log(1.1)

export const bucketOf = (ms: number): number => Math.round(Math.log(Math.max(1, ms)) / GROWTH)

const middleOf = (bucket: number): number => Math.round(Math.exp(bucket * GROWTH))

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** By nearest rank, over counts by bucket. */
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
