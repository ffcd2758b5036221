import { pendingOf } from '../../domain/follow-ups.ts'
import { isFinal, type Task, type TaskKey } from '../../domain/task.ts'
import { standInLine, stepForward } from '../../domain/transitions.ts'
import type { KeyTurns } from '../../ports/key-turns.ts'
import type { Log } from '../../ports/log.ts'
import { type EnqueueDependencies, enqueue } from './enqueue.ts'
import { taskFields } from './task-fields.ts'

export interface TurnDependencies extends EnqueueDependencies {
  readonly turns: KeyTurns
  readonly log: Log
}

/** A turn whose end nobody could tell is looked for again after so long; it doubles up to a quarter of an hour. */
const LOOK_AGAIN_MS = 60_000
const MOST_MS = 900_000
/** Others in line that are no longer there are passed over, so many at once. */
const MOST_PASSED = 20

/** When a task in line looks for itself, whether or not somebody wakes it. */
export const lookAgainMs = ({ turnWaits = 0 }: Pick<Task, 'turnWaits'>): number =>
  Math.min(MOST_MS, LOOK_AGAIN_MS * 2 ** Math.min(4, turnWaits))

/**
 * Lets an attempt run if it is its key's turn, else puts its task in line: no attempt is spent, and whoever ends wakes the
 * next. Dying between the line and the row is repaired by the lease, dying after by the row's own time.
 *
 * @returns whether the attempt may go on.
 */
export async function takeTurn(dependencies: TurnDependencies, task: Task, token: string): Promise<boolean> {
  const { turns, store, clock, log } = dependencies
  const { tenant, id, concurrencyKey: key } = task
  if (key === undefined) return true
  const holder = await turns.take(tenant, key, id, clock.now())
  if (holder === undefined) return true
  // A holder whose end was never told, e.g. its row was deleted by hand.
  const held = await store.get({ tenant, id: holder })
  if (!held || (isFinal(held.status) && !pendingOf(held).includes('turn')))
    if ((await turns.take(tenant, key, id, clock.now(), holder)) === undefined) return true
  const now = clock.now()
  const waitMs = lookAgainMs(task)
  const { changed, task: row } = await store.change(task, standInLine(task, token, now, now + waitMs))
  if (!changed || !row) return false
  log('task.in_line', { ...taskFields(task), retry_in_ms: waitMs })
  // Whoever ended in between saw a row that ran, and passed it over.
  const seen = await turns.look(tenant, key)
  if (seen.holder === undefined) await wakeNext(dependencies, tenant, seen.waiting)
  return false
}

/** Gives the turn of a task that ended to the next in line. Doing it again wakes one more, which waits in line again. */
export async function passTurn(dependencies: TurnDependencies, task: Task): Promise<void> {
  if (task.concurrencyKey === undefined) return
  const seen = await dependencies.turns.leave(task.tenant, task.concurrencyKey, task.id)
  if (seen.holder === undefined) await wakeNext(dependencies, task.tenant, seen.waiting)
}

async function wakeNext(
  dependencies: TurnDependencies,
  tenant: string,
  waiting: readonly string[],
): Promise<void> {
  for (const id of waiting.slice(0, MOST_PASSED)) if (await wakeTask(dependencies, { tenant, id })) return
}

/**
 * Wakes a task that waits in line. The row first, then its message: dying between the two is a message that the sweeper sends.
 *
 * @returns false for one that is no longer there, or whose attempt has not yet said that it waits.
 */
export async function wakeTask(dependencies: EnqueueDependencies, key: TaskKey): Promise<boolean> {
  const { store, clock } = dependencies
  const seen = await store.get(key)
  if (seen?.turnWaits === undefined || isFinal(seen.status) || seen.status === 'PROCESSING') return false
  const woken = await store.change(seen, stepForward(seen, clock.now()))
  if (!woken.changed || !woken.task) return false
  await enqueue(dependencies, woken.task)
  return true
}
