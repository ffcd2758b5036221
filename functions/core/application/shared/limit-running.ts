import { causeFields } from '../../domain/errors.ts'
import type { TenantLimits } from '../../domain/limits.ts'
import { sample } from '../../domain/sample.ts'
import { isLeased, type Task } from '../../domain/task.ts'
import { standInLine } from '../../domain/transitions.ts'
import type { LimitPlaces, Placed, Places } from '../../ports/limit-places.ts'
import type { Log } from '../../ports/log.ts'
import type { TenantMeter } from '../../ports/tenant-meter.ts'
import type { EnqueueDependencies } from './enqueue.ts'
import { lookAgainMs, wakeTask } from './take-turn.ts'
import { taskFields } from './task-fields.ts'

export interface RunningLimitDependencies extends EnqueueDependencies {
  readonly places: LimitPlaces
  readonly meter: Pick<TenantMeter, 'begin'>
  readonly limitsOf: (tenant: string) => Promise<TenantLimits>
  readonly log: Log
}

/** What an attempt does about its tenant's limit of running tasks. */
export interface RunningLimit {
  /** @returns `waits`: the task waits in line and the attempt is none; else what gives its place back. */
  enter(task: Task, token: string): Promise<'waits' | { readonly leave: () => Promise<void> }>
}

/** Places of a tenant are looked through for holders that are gone so often at most, per environment. */
const LOOK_EVERY_MS = 5_000
const MOST_LOOKED_AT = 50
/** Others in line that are no longer there are passed over, so many at once. */
const MOST_PASSED = 20

/**
 * Lets as many tasks of a tenant run at once as it may. A task that finds no place waits in line, spends no attempt, and is
 * woken by the end of another.
 *
 * Dying with a place: whoever finds none looks which holders still run. Dying between the row that waits and the line, or
 * after a waiting task was called: its row has a time of its own. Nothing is written where a tenant has no such limit.
 */
export function openRunningLimit(dependencies: RunningLimitDependencies): RunningLimit {
  const { places, meter, limitsOf, store, clock, log } = dependencies
  const lookedAt = new Map<string, number>()

  async function freeDead(tenant: string, taken: readonly Placed[]): Promise<boolean> {
    const now = clock.now()
    if (now - (lookedAt.get(tenant) ?? Number.NEGATIVE_INFINITY) < LOOK_EVERY_MS) return false
    if (lookedAt.size > 10_000) lookedAt.clear()
    lookedAt.set(tenant, now)
    const some = sample(taken, MOST_LOOKED_AT, clock.random())
    const rows = await store.getMany(some.map(({ id }) => ({ tenant, id })))
    const runs = new Set(rows.filter((row) => isLeased(row, now)).map(({ id }) => id))
    const dead = some.filter(({ id }) => !runs.has(id))
    if (dead.length > 0) await places.leave(tenant, 'running', dead)
    return dead.length > 0
  }

  async function wakeWaiting(tenant: string, most: number, seen: Places): Promise<void> {
    let free = most - seen.taken.length
    for (const placed of seen.waiting.slice(0, free + MOST_PASSED)) {
      if (free <= 0) return
      if (!(await places.call(tenant, 'running', placed))) continue
      if (await wakeTask(dependencies, { tenant, id: placed.id })) free -= 1
    }
  }

  return {
    async enter(task, token) {
      const { tenant, id, createdAt } = task
      const { runningTasks: most, queuedTasks } = await limitsOf(tenant)
      const mine: Placed = { id, since: createdAt }
      if (most !== undefined) {
        let full = await places.take(tenant, 'running', mine, most)
        if (full && (await freeDead(tenant, full.taken)))
          full = await places.take(tenant, 'running', mine, most)
        if (full) {
          const now = clock.now()
          const waitMs = lookAgainMs(task)
          const { changed, task: row } = await store.change(task, standInLine(task, token, now, now + waitMs))
          if (!changed || !row) return 'waits'
          log('task.in_line', { ...taskFields(task), limit: 'running_tasks', retry_in_ms: waitMs })
          // Whoever ended in between saw a row that ran, and a line without it.
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
            // Found by whoever finds no place.
            .catch((error) => log('task.place_kept', { ...taskFields(task), ...causeFields(error) }))
        },
      }
    },
  }
}
