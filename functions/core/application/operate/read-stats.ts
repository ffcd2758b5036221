import { type Quantiles, quantilesOf, type TallyUsage } from '../../domain/tally.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Period, TallyRow, TallyStore } from '../../ports/tally-store.ts'
import type { OpenCounts, TaskStore } from '../../ports/task-store.ts'

export interface ModelUse {
  tasks: number
  inputTokens: number
  outputTokens: number
  /** Null when the price of any part is unknown. */
  costMicroUsd: number | null
  /** Saved by price tiers cheaper than the standard one. */
  savedMicroUsd: number
}

export interface TaskStats {
  /** Start of the first hour or day that is counted. */
  readonly since: number
  /** Number of tasks by status: ended ones since then, and those that are open now. */
  readonly counts: Readonly<Record<string, number>>
  readonly byType: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** COMPLETED as a share of COMPLETED and FAILED; undefined when there is neither. */
  readonly successRate: number | undefined
  readonly runMs: Quantiles | undefined
  readonly waitMs: Quantiles | undefined
  /** Open tasks are counted up to a limit, and there are more. */
  readonly isPartial: boolean
}

export interface UsageStats {
  readonly since: number
  readonly total: ModelUse
  readonly byModel: Readonly<Record<string, ModelUse & { provider: string }>>
  readonly byType: Readonly<Record<string, ModelUse>>
  readonly byDay: Readonly<Record<string, ModelUse>>
  /** The tags with the highest cost; a task with several tags counts in each. */
  readonly byTag: Readonly<Record<string, ModelUse>>
}

const HOUR_MS = 3_600_000
/** Up to this, hourly rows are read; for longer periods daily ones (UTC), so that one call reads at most some hundred rows. */
const MAX_HOURLY_HOURS = 48

function windowOf(now: number, hours: number): { period: Period; since: number } {
  const period = hours <= MAX_HOURLY_HOURS ? 'hour' : 'day'
  const length = period === 'hour' ? HOUR_MS : 24 * HOUR_MS
  return { period, since: Math.floor((now - hours * HOUR_MS) / length) * length }
}

/** Statistics of a tenant's tasks: sums of hourly rows, so the cost does not depend on the number of tasks. */
export async function readTaskStats(
  {
    store,
    tallies,
    clock,
  }: {
    readonly store: Pick<TaskStore, 'countOpen'>
    readonly tallies: Pick<TallyStore, 'read'>
    readonly clock: Clock
  },
  tenant: string,
  hours: number,
): Promise<TaskStats> {
  const { period, since } = windowOf(clock.now(), hours)
  const [rows, open]: [readonly TallyRow[], OpenCounts] = await Promise.all([
    tallies.read(tenant, period, since),
    store.countOpen(tenant),
  ])
  const counts: Record<string, number> = { ...open.counts }
  const byType: Record<string, Record<string, number>> = {}
  const runs = new Map<number, number>()
  const waits = new Map<number, number>()
  for (const row of rows) {
    const ofType = byType[row.type] ?? {}
    byType[row.type] = ofType
    for (const [status, count] of Object.entries(row.counts)) {
      counts[status] = (counts[status] ?? 0) + count
      ofType[status] = (ofType[status] ?? 0) + count
    }
    for (const [sum, more] of [
      [runs, row.runs],
      [waits, row.waits],
    ] as const)
      for (const [bucket, count] of more) sum.set(bucket, (sum.get(bucket) ?? 0) + count)
  }
  const [completed = 0, failed = 0] = [counts.COMPLETED, counts.FAILED]
  return {
    since,
    counts,
    byType,
    successRate: completed + failed === 0 ? undefined : completed / (completed + failed),
    runMs: quantilesOf(runs),
    waitMs: quantilesOf(waits),
    isPartial: open.isPartial,
  }
}

/** Usage of a tenant's tasks, by the time of their end. */
export async function readUsageStats(
  { tallies, clock }: { readonly tallies: Pick<TallyStore, 'read' | 'readTags'>; readonly clock: Clock },
  tenant: string,
  hours: number,
): Promise<UsageStats> {
  const { period, since } = windowOf(clock.now(), hours)
  const [rows, tagRows] = await Promise.all([
    tallies.read(tenant, period, since, 'usage'),
    tallies.readTags(tenant, period, since),
  ])
  const total = nothing()
  const byModel: Record<string, ModelUse & { provider: string }> = {}
  const byType: Record<string, ModelUse> = {}
  const byDay: Record<string, ModelUse> = {}
  for (const { at, type, model, provider = '', usage, users } of rows) {
    if (users === 0) continue
    byModel[model] ??= { ...nothing(), provider }
    byType[type] ??= nothing()
    const day = at.slice(0, 10)
    byDay[day] ??= nothing()
    for (const sum of [total, byModel[model], byType[type], byDay[day]]) addUse(sum, users, usage)
  }
  const tags = new Map<string, ModelUse>()
  for (const { tag, users, usage } of tagRows) {
    const sum = tags.get(tag) ?? nothing()
    tags.set(tag, sum)
    if (users > 0) addUse(sum, users, usage)
  }
  const dearest = [...tags]
    .toSorted(([, left], [, right]) => sortCost(right) - sortCost(left))
    .slice(0, MAX_LISTED_TAGS)
  return { since, total, byModel, byType, byDay, byTag: Object.fromEntries(dearest) }
}

function addUse(sum: ModelUse, users: number, usage: TallyUsage): void {
  sum.tasks += users
  sum.inputTokens += usage.inputTokens
  sum.outputTokens += usage.outputTokens
  sum.savedMicroUsd += usage.savedMicroUsd ?? 0
  sum.costMicroUsd =
    sum.costMicroUsd === null || usage.isUnpriced ? null : sum.costMicroUsd + usage.costMicroUsd
}

/** A limit, because callers choose tags freely and may use one per customer. */
export const MAX_LISTED_TAGS = 100
/** Tags with unknown cost come first, as their cost may be the highest. */
const sortCost = ({ costMicroUsd }: ModelUse): number => costMicroUsd ?? Number.POSITIVE_INFINITY

const nothing = (): ModelUse => ({
  ...{ tasks: 0, inputTokens: 0, outputTokens: 0 },
  ...{ costMicroUsd: 0, savedMicroUsd: 0 },
})
