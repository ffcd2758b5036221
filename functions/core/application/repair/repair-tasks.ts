import { TIMING } from '../../../contract/timing.ts'
import { causeFields } from '../../domain/errors.ts'
import { followUpsOf } from '../../domain/follow-ups.ts'
import { hasNoAttemptLeft } from '../../domain/history.ts'
import { isFinal, messageOf, type Task } from '../../domain/task.ts'
import { expire, reclaimLease } from '../../domain/transitions.ts'
import type { DueEntry } from '../../ports/due-index.ts'
import { abandonment } from '../shared/abandonment.ts'
import { followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import type { LaneSnapshot } from './lane-snapshot.ts'
import { type DueSend, sendAgain } from './send-again.ts'
import type { SweepDependencies } from './sweep.ts'

export type Repair = 'sent' | 'resent' | 'taken_over' | 'crashed' | 'followed_up' | 'expired' | 'waiting'

/** After this many messages of one epoch that no worker received from an empty queue, the worker itself cannot start. */
const MAX_SENDS = 6
const CONCURRENCY = 16

/** Repairs up to 100 tasks concurrently. Their rows are read in one call, and messages are sent in batches of ten. */
export async function repairTasks(
  dependencies: SweepDependencies,
  lanes: LaneSnapshot,
  entries: readonly DueEntry[],
  count: (repair: Repair | 'failed') => void,
): Promise<void> {
  const { store, log } = dependencies
  const tell = (task: Task, done: Repair) => {
    count(done)
    // Follow-ups write their own log lines.
    if (done !== 'waiting' && done !== 'followed_up')
      log(`task.${done}`, { ...taskFields(task), ...(done === 'crashed' ? { code: 'worker_crashed' } : {}) })
  }
  const failed = ({ tenant, id }: Pick<Task, 'tenant' | 'id'>, error: unknown) => {
    count('failed')
    log('sweep.failed', { tenant, task_id: id, ...causeFields(error) })
  }
  const suspects: DueEntry[] = []
  for (const entry of entries) {
    try {
      const seen = await judge(dependencies, lanes, entry)
      if (seen === 'waiting') count('waiting')
      if (seen === 'suspect') suspects.push(entry)
    } catch (error) {
      failed(entry, error)
    }
  }
  if (suspects.length === 0) return
  const rows = await store.getMany(suspects).catch((error: unknown) => {
    for (const entry of suspects) failed(entry, error)
    return []
  })
  const seenOf = new Map(suspects.map((entry) => [nameOf(entry), entry]))
  const tasks = rows.filter((task) => {
    const entry = seenOf.get(nameOf(task))
    return task.dueAt === entry?.dueAt && task.epoch === entry?.epoch
  })
  const sendings: DueSend[] = []
  for (let start = 0; start < tasks.length; start += CONCURRENCY)
    await Promise.all(
      tasks.slice(start, start + CONCURRENCY).map(async (task) => {
        try {
          const done = await repairOne(dependencies, lanes, task)
          if (typeof done === 'object') sendings.push(done)
          else if (done) tell(task, done)
        } catch (error) {
          failed(task, error)
        }
      }),
    )
  await sendAgain(dependencies, sendings, tell, failed)
}

const nameOf = ({ tenant, id }: Pick<Task, 'tenant' | 'id'>): string => JSON.stringify([tenant, id])

/** Decides by the index entry alone, so that 100,000 waiting rows of a healthy backlog cost no read and no write. */
async function judge(
  { clock }: SweepDependencies,
  lanes: LaneSnapshot,
  entry: DueEntry,
): Promise<'suspect' | 'waiting' | undefined> {
  const now = clock.now()
  const isStartTooLate = entry.startBy !== undefined && entry.startBy <= now
  if (entry.status === 'PENDING' && entry.dueAt <= now && entry.sends > 0 && !isStartTooLate)
    if (!(await lanes.isLost(entry, now))) return 'waiting'
  return entry.status === 'PROCESSING' && entry.dueAt > now ? undefined : 'suspect'
}

/** @returns the repair that was made, or the message to send. */
async function repairOne(
  dependencies: SweepDependencies,
  lanes: LaneSnapshot,
  task: Task,
): Promise<Repair | DueSend | undefined> {
  const { store, queue, clock } = dependencies
  const now = clock.now()
  if (isFinal(task.status)) {
    // The function that ended the task is still doing its follow-ups. The due time alone does not show it near a lease's end.
    const isFresh = now - (task.finishedAt ?? 0) < TIMING.heartbeatMs
    if ((task.dueAt ?? now) > now || isFresh) return undefined
    const left = await followUp(dependencies, task)
    return left.length ? undefined : 'followed_up'
  }
  const isWaiting = task.status === 'PENDING' || task.status === 'SCHEDULED'
  if (task.startBy !== undefined && task.startBy <= now && isWaiting)
    return expireOne(dependencies, task, now)

  if (task.status !== 'PROCESSING') return resend(dependencies, lanes, task, now)
  if (hasNoAttemptLeft(task)) return abandon(dependencies, task, now)
  const taken = await store.change(task, reclaimLease(task, now))
  if (!taken.changed) return undefined
  await queue.send(task.lane, messageOf(task))
  return 'taken_over'
}

async function resend(
  dependencies: SweepDependencies,
  lanes: LaneSnapshot,
  task: Task,
  now: number,
): Promise<Repair | DueSend | undefined> {
  const queuedAt = Math.max(now, task.claimableFrom)
  if (task.dueKind === 'timed') return { task, queuedAt, repair: 'sent' }
  if ((task.dueAt ?? now) > now) return undefined
  if (!(await lanes.isLost(task, now))) return 'waiting'
  if (task.sends >= MAX_SENDS) return abandon(dependencies, task, now)
  return { task, queuedAt, repair: 'resent' }
}

async function expireOne(
  dependencies: SweepDependencies,
  task: Task,
  now: number,
): Promise<Repair | undefined> {
  const { store, retentionDays } = dependencies
  const end = { retention: retentionFrom(now, retentionDays, task), pending: followUpsOf(task, 'EXPIRED') }
  const expired = await store.change(task, expire(task, now, end))
  if (!expired.changed || !expired.task) return undefined
  await followUp(dependencies, expired.task)
  return 'expired'
}

async function abandon(
  dependencies: SweepDependencies,
  task: Task,
  now: number,
): Promise<Repair | undefined> {
  const failed = await dependencies.store.change(task, await abandonment(dependencies, task, now))
  if (!failed.changed || !failed.task) return undefined
  await followUp(dependencies, failed.task)
  return 'crashed'
}
