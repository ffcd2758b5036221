import { pendingOf } from '../../domain/follow-ups.ts'
import { isFinal, type Task, type TaskKey } from '../../domain/task.ts'
import { allowTurn, waitForTurn } from '../../domain/transitions.ts'
import type { KeyTurns } from '../../ports/key-turns.ts'
import type { Log } from '../../ports/log.ts'
import { type EnqueueDependencies, enqueue } from './enqueue.ts'
import { taskFields } from './task-fields.ts'

export interface TurnDependencies extends EnqueueDependencies {
  readonly turns: KeyTurns
  readonly log: Log
}

/** A waiting task checks after this time whether its turn has come; doubled each time, up to a quarter of an hour. */
const LOOK_AGAIN_MS = 60_000
const MAX_LOOK_AGAIN_MS = 900_000
/** Most waiting tasks that are skipped in one call because they no longer exist. */
const MAX_SKIPPED = 20

/** Time until a waiting task checks for itself, in case the message that starts it is lost. */
export const turnCheckMs = ({ turnWaits = 0 }: Pick<Task, 'turnWaits'>): number =>
  Math.min(MAX_LOOK_AGAIN_MS, LOOK_AGAIN_MS * 2 ** Math.min(4, turnWaits))

/**
 * Lets an attempt run if no other task of its key runs; otherwise its task waits: no attempt is used up, and the end of the
 * running task starts the next one. A crash between the two writes is repaired by the lease, a later one by the row's due time.
 *
 * @returns whether the attempt may run.
 */
export async function takeTurn(dependencies: TurnDependencies, task: Task, token: string): Promise<boolean> {
  const { turns, store, clock, log } = dependencies
  const { tenant, id, concurrencyKey: key } = task
  if (key === undefined) return true
  const holder = await turns.take(tenant, key, id, clock.now())
  if (holder === undefined) return true
  // The holder ended without passing its turn, e.g. because its row was deleted by hand.
  const held = await store.get({ tenant, id: holder })
  if (!held || (isFinal(held.status) && !pendingOf(held).includes('turn')))
    if ((await turns.take(tenant, key, id, clock.now(), holder)) === undefined) return true
  const now = clock.now()
  const waitMs = turnCheckMs(task)
  const { changed, task: row } = await store.change(task, waitForTurn(task, token, now, now + waitMs))
  if (!changed || !row) return false
  log('task.in_line', { ...taskFields(task), retry_in_ms: waitMs })
  // A task that ended between the two writes did not see this row waiting, so check once more.
  const seen = await turns.look(tenant, key)
  if (seen.holder === undefined) await wakeNext(dependencies, tenant, seen.waiting)
  return false
}

/** Passes the turn of an ended task to the next waiting one. A repeated call starts one more, which waits again. */
export async function startNextInTurn(dependencies: TurnDependencies, task: Task): Promise<void> {
  if (task.concurrencyKey === undefined) return
  const seen = await dependencies.turns.leave(task.tenant, task.concurrencyKey, task.id)
  if (seen.holder === undefined) await wakeNext(dependencies, task.tenant, seen.waiting)
}

async function wakeNext(
  dependencies: TurnDependencies,
  tenant: string,
  waiting: readonly string[],
): Promise<void> {
  for (const id of waiting.slice(0, MAX_SKIPPED)) if (await wakeTask(dependencies, { tenant, id })) return
}

/**
 * Starts a waiting task. The row is written before the message is sent, so that after a crash the sweeper sends it.
 *
 * @returns false for a task that no longer exists, or whose attempt has not yet written that it waits.
 */
export async function wakeTask(dependencies: EnqueueDependencies, key: TaskKey): Promise<boolean> {
  const { store, clock } = dependencies
  const seen = await store.get(key)
  if (seen?.turnWaits === undefined || isFinal(seen.status) || seen.status === 'PROCESSING') return false
  const woken = await store.change(seen, allowTurn(seen, clock.now()))
  if (!woken.changed || !woken.task) return false
  await enqueue(dependencies, woken.task)
  return true
}
