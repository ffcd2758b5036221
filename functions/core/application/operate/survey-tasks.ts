import type { Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TaskStore } from '../../ports/task-store.ts'

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface ModelUse {
  tasks: number
  inputTokens: number
  outputTokens: number
  /** Null when the price of any part is not known. */
  costMicroUsd: number | null
  provider: string
}

export interface Survey {
  readonly since: number
  readonly counts: Readonly<Record<string, number>>
  readonly byType: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** COMPLETED among COMPLETED and FAILED; undefined when there is neither. */
  readonly successRate: number | undefined
  /** From the start of the last attempt to the end. */
  readonly runMs: Quantiles | undefined
  /** From submission, or the time asked for, to the start of the first attempt. */
  readonly waitMs: Quantiles | undefined
  readonly byModel: Readonly<Record<string, ModelUse>>
  /** There were more tasks than are looked at. */
  readonly isPartial: boolean
}

const PAGE = 100
/** What a request can look at within a second or two; a stage's whole history is in its metrics. */
const MOST = 5_000

/** Looks at a tenant's tasks created since an instant, newest first. */
export async function surveyTasks(
  { store, clock }: { readonly store: TaskStore; readonly clock: Clock },
  tenant: string,
  hours: number,
): Promise<Survey> {
  const since = clock.now() - hours * 3_600_000
  const tasks: Task[] = []
  let cursor: string | undefined
  do {
    const page = await store.list(tenant, { createdAfter: since }, PAGE, cursor)
    tasks.push(...page.tasks)
    cursor = page.cursor
  } while (cursor !== undefined && tasks.length < MOST)
  return { since, ...countTasks(tasks), byModel: countUse(tasks), isPartial: cursor !== undefined }
}

function countTasks(tasks: readonly Task[]) {
  const counts: Record<string, number> = {}
  const byType: Record<string, Record<string, number>> = {}
  const runs: number[] = []
  const waits: number[] = []
  for (const { type, status, startedAt, finishedAt, createdAt, runAt, history } of tasks) {
    counts[status] = (counts[status] ?? 0) + 1
    const ofType = byType[type] ?? {}
    byType[type] = { ...ofType, [status]: (ofType[status] ?? 0) + 1 }
    if (startedAt !== undefined && finishedAt !== undefined) runs.push(finishedAt - startedAt)
    const firstStart = history[0]?.startedAt ?? startedAt
    if (firstStart !== undefined) waits.push(Math.max(0, firstStart - Math.max(createdAt, runAt ?? 0)))
  }
  const [completed = 0, failed = 0] = [counts.COMPLETED, counts.FAILED]
  return {
    counts,
    byType,
    successRate: completed + failed === 0 ? undefined : completed / (completed + failed),
    runMs: quantiles(runs),
    waitMs: quantiles(waits),
  }
}

function countUse(tasks: readonly Task[]): Record<string, ModelUse> {
  const byModel: Record<string, ModelUse> = {}
  for (const { model, usage } of tasks) {
    if (!model || !usage) continue
    const use = byModel[model] ?? {
      tasks: 0,
      inputTokens: 0,
      outputTokens: 0,
      costMicroUsd: 0,
      provider: usage.provider,
    }
    byModel[model] = use
    use.tasks += 1
    use.inputTokens += usage.inputTokens ?? 0
    use.outputTokens += usage.outputTokens ?? 0
    use.costMicroUsd =
      use.costMicroUsd === null || usage.costMicroUsd === null ? null : use.costMicroUsd + usage.costMicroUsd
  }
  return byModel
}

/** By nearest rank. */
function quantiles(values: readonly number[]): Quantiles | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((left, right) => left - right)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
