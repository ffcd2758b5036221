import { causeFields } from '../../domain/errors.ts'
import type { TenantLimits } from '../../domain/limits.ts'
import { sample } from '../../domain/sample.ts'
import { isLeased, type Task } from '../../domain/task.ts'
import { waitForTurn } from '../../domain/transitions.ts'
import type { LimitPlaces, PlaceHolder, Places } from '../../ports/limit-places.ts'
import type { Log } from '../../ports/log.ts'
import type { TenantMeter } from '../../ports/tenant-meter.ts'
import type { EnqueueDependencies } from './enqueue.ts'
import { turnCheckMs, wakeTask } from './take-turn.ts'
import { taskFields } from './task-fields.ts'

export interface RunningLimitDependencies extends EnqueueDependencies {
  readonly places: LimitPlaces
  readonly meter: Pick<TenantMeter, 'begin'>
  readonly limitsOf: (tenant: string) => Promise<TenantLimits>
  readonly log: Log
}

/** Applies a tenant's limit of running tasks to an attempt. */
export interface RunningLimit {
  /** @returns `waits`: the task waits and the attempt does not count; otherwise a function that frees the place. */
  enter(task: Task, token: string): Promise<'waits' | { readonly leave: () => Promise<void> }>
}

/** A tenant's places are searched for crashed holders at most this often per environment. */
const LOOK_EVERY_MS = 5_000
const MAX_SAMPLED = 50
/** Most waiting tasks that are skipped in one call because they no longer exist. */
const MAX_SKIPPED = 20

/**
 * Limits how many tasks of a tenant run at once. A task without a free place waits, uses up no attempt, and is started by the
 * end of another task.
 *
 * After a crash with a place, the next task without a free place checks which holders still run. After a crash between the
 * waiting row and the list of waiting tasks, or after a waiting task was chosen, the waiting row has a due time of its own.
 * Nothing is written when the tenant has no such limit.
 */
export function openRunningLimit(dependencies: RunningLimitDependencies): RunningLimit {
  const { places, meter, limitsOf, store, clock, log } = dependencies
  const lookedAt = new Map<string, number>()

  async function freeDead(tenant: string, taken: readonly PlaceHolder[]): Promise<boolean> {
    const now = clock.now()
    if (now - (lookedAt.get(tenant) ?? Number.NEGATIVE_INFINITY) < LOOK_EVERY_MS) return false
    if (lookedAt.size > 10_000) lookedAt.clear()
    lookedAt.set(tenant, now)
    const some = sample(taken, MAX_SAMPLED, clock.random())
    const rows = await store.getMany(some.map(({ id }) => ({ tenant, id })))
    const runs = new Set(rows.filter((row) => isLeased(row, now)).map(({ id }) => id))
    const dead = some.filter(({ id }) => !runs.has(id))
    if (dead.length > 0) await places.leave(tenant, 'running', dead)
    return dead.length > 0
  }

  async function wakeWaiting(tenant: string, most: number, seen: Places): Promise<void> {
    let free = most - seen.taken.length
    for (const placed of seen.waiting.slice(0, free + MAX_SKIPPED)) {
      if (free <= 0) return
      if (!(await places.call(tenant, 'running', placed))) continue
      if (await wakeTask(dependencies, { tenant, id: placed.id })) free -= 1
    }
  }

  return {
    async enter(task, token) {
      const { tenant, id, createdAt } = task
      const { runningTasks: most, queuedTasks } = await limitsOf(tenant)
      const mine: PlaceHolder = { id, since: createdAt }
      if (most !== undefined) {
        let full = await places.take(tenant, 'running', mine, most)
        if (full && (await freeDead(tenant, full.taken)))
          full = await places.take(tenant, 'running', mine, most)
        if (full) {
          const now = clock.now()
          const waitMs = turnCheckMs(task)
          const { changed, task: row } = await store.change(task, waitForTurn(task, token, now, now + waitMs))
          if (!changed || !row) return 'waits'
          log('task.in_line', { ...taskFields(task), limit: 'running_tasks', retry_in_ms: waitMs })
          // A task that ended between the two writes saw a running row and no waiting one, so check once more.
          await wakeWaiting(tenant, most, await places.wait(tenant, 'running', mine))
          return 'waits'
        }
      }
      if (queuedTasks !== undefined && task.held) await meter.begin(tenant, id)
      return {
        leave: async () => {
          if (most === undefined) return
          await places
            .leave(tenant, 'running', [mine])
            .then((seen) => wakeWaiting(tenant, most, seen))
            // The next task without a free place finds it.
            .catch((error) => log('task.place_kept', { ...taskFields(task), ...causeFields(error) }))
        },
      }
    },
  }
}
