/**
 * The state machine. A transition is data: what must hold in the stored row, and what changes if it does. A store
 * applies it as one conditional write; a transition that does not fit changes nothing.
 *
 *   SCHEDULED ─┐                       ┌─▶ COMPLETED
 *   PENDING ───┼─claim─▶ PROCESSING ───┼─▶ FAILED ────┐
 *   RETRYING ◀─┴─────────────┘ (retry) ├─▶ CANCELLED ─┼─restart (epoch + 1)─▶ PENDING
 *                                      └─▶ EXPIRED ───┘
 */
import { TIMING } from '../../contract/timing.ts'
import type { Held } from './budget.ts'
import { FOLLOW_UPS, type FollowUp, OWED_BEFORE_RESTART } from './follow-ups.ts'
import { crashRecord, type Recorded, recorded } from './history.ts'
import type { ModelWait } from './model-wait.ts'
import type { OpenCall } from './open-call.ts'
import {
  type AttemptRecord,
  FINAL_STATUSES,
  type Firing,
  OPEN_STATUSES,
  type Payload,
  type Progress,
  RETRYABLE_STATUSES,
  type Status,
  type Task,
  type TaskFailure,
  type Usage,
} from './task.ts'
import type { Parent } from './workflow/workflow.ts'

/** All parts given must hold. */
export interface Guard {
  readonly statuses: readonly Status[]
  readonly epoch?: number
  readonly token?: string
  /** `claimableFrom` is at or before this instant. */
  readonly claimableFromAtMost?: number
  /** `startBy` is absent or after this instant. */
  readonly startByAfter?: number
  /** `startBy` is at or before this instant. */
  readonly startByAtMost?: number
  /** Fewer attempts were begun than the task may have. */
  readonly hasAttemptsLeft?: true
  /** None of these is in `pending`. */
  readonly nonePendingOf?: readonly FollowUp[]
  /** `dueAt` is exactly this: the row is as the sweeper saw it. */
  readonly dueAt?: number
}

type Optional = {
  [K in keyof Task]-?: undefined extends Task[K] ? K : never
}[keyof Task]

export interface Transition {
  readonly name: string
  readonly when: Guard
  readonly set: Partial<Omit<Task, 'tenant' | 'id' | 'createdAt' | 'writeId'>>
  readonly remove?: readonly Optional[]
  /** Begins an attempt: the store adds one to `attempt`. */
  readonly beginsAttempt?: true
  /** Appended to `history`. */
  readonly record?: AttemptRecord
}

/** How long a row that ends is kept. */
export type Retention = Required<Pick<Task, 'ttl' | 'reapAt'>>

/** When a row whose `sends`-th message just went out is worth a look. */
export const patienceMs = (sends: number): number =>
  Math.min(TIMING.queuedPatienceMs * 2 ** Math.max(0, sends - 1), TIMING.maxPatienceMs)

/**
 * Takes the lease for one attempt.
 *
 * @param dead the row of an attempt whose lease ran out: its record goes into the history by the same write.
 */
export function claim(epoch: number, token: string, now: number, dead?: Task): Transition {
  const { set, ...record } = dead ? noted(recorded(dead, crashRecord(dead, now))) : noted(undefined)
  return {
    name: 'claim',
    when: {
      statuses: dead ? ['PROCESSING'] : CLAIMABLE_STATUSES,
      ...(dead?.token === undefined ? {} : { token: dead.token }),
      epoch,
      claimableFromAtMost: now,
      startByAfter: now,
      hasAttemptsLeft: true,
    },
    set: {
      ...set,
      status: 'PROCESSING',
      token,
      claimableFrom: now + TIMING.leaseMs,
      dueKind: 'timed',
      dueAt: now + TIMING.leaseMs,
      startedAt: now,
      updatedAt: now,
    },
    remove: ['startBy', 'progress'],
    beginsAttempt: true,
    ...record,
  }
}

/** Statuses that nobody holds. */
const CLAIMABLE_STATUSES = ['SCHEDULED', 'PENDING', 'RETRYING'] as const satisfies readonly Status[]

/** How a transition writes what `recorded` says. */
function noted(entry: Recorded | undefined): Pick<Transition, 'set' | 'record'> {
  if (entry === undefined) return { set: {} }
  return 'trimmed' in entry ? { set: entry.trimmed } : { set: {}, record: entry.record }
}

/** Renews the lease; carries progress when there is some to tell. */
export function renew(token: string, now: number, progress?: Progress): Transition {
  return {
    name: 'renew',
    when: { statuses: ['PROCESSING'], token },
    set: {
      claimableFrom: now + TIMING.leaseMs,
      dueAt: now + TIMING.leaseMs,
      updatedAt: now,
      ...(progress ? { progress } : {}),
    },
  }
}

/** Tells progress without touching the lease, so that the due index is not rewritten. */
export function report(token: string, now: number, progress: Progress): Transition {
  return { name: 'report', when: { statuses: ['PROCESSING'], token }, set: { progress, updatedAt: now } }
}

/** What every end of a task writes. */
export interface End {
  readonly retention: Retention
  /** What must follow; see `followUpsOf`. */
  readonly pending: readonly FollowUp[]
}

/** Fields of a row that ends: due while something must follow, out of the due index otherwise. */
function ended(now: number, { retention, pending }: End) {
  const set = { finishedAt: now, updatedAt: now, ...retention }
  return pending.length
    ? {
        set: { ...set, pending, dueKind: 'timed' as const, dueAt: now + TIMING.followUpPatienceMs },
        remove: [] as const,
      }
    : { set, remove: ['dueAt', 'dueKind'] as const }
}

/**
 * The same by the attempt that holds the lease: the row is due when that ends, which is as good a time. Its entry in the due index
 * stays where it is, at half the price of one in place of another.
 */
function endedByHolder(now: number, end: End) {
  const { set, remove } = ended(now, end)
  const { dueAt: _dueAt, dueKind: _dueKind, ...others } = set as typeof set & Pick<Task, 'dueAt' | 'dueKind'>
  return { set: others, remove }
}

export function complete(
  token: string,
  now: number,
  {
    result,
    usage,
    entry,
    ...end
  }: End & { readonly result: Payload; readonly usage: Usage | undefined; readonly entry: Recorded },
): Transition {
  const { set, remove } = endedByHolder(now, end)
  const { set: history, ...record } = noted(entry)
  return {
    name: 'complete',
    when: { statuses: ['PROCESSING'], token },
    set: {
      ...set,
      ...history,
      status: 'COMPLETED',
      result,
      progress: { percent: 100, message: '' },
      ...(usage ? { usage } : {}),
    },
    remove: [...remove, 'error', 'calls'],
    ...record,
  }
}

export interface Wait {
  readonly until: number
  /** The message itself comes back at `until`; a parked row is sent by the sweeper instead. */
  readonly by: 'message' | 'sweeper'
}

export interface Later {
  readonly wait: Wait
  readonly error: TaskFailure
  readonly usage: Usage | undefined
  /** What counts as begun: one less when the infrastructure failed. */
  readonly attempt: number
  /** Left out where no attempt was spent. */
  readonly entry?: Recorded
  /** Since when, and how often, the task was put off without spending an attempt. */
  readonly uncounted?: Required<Pick<Task, 'parkedSince' | 'uncounted'>>
  /** When the model call is planned that a provider's limit put off; left out where none did. */
  readonly modelWait?: ModelWait
  /** What the next attempt may attach to; left out where nothing changes. */
  readonly calls?: readonly OpenCall[] | undefined
}

/** Ends an attempt that may be tried again. */
export function retryLater(
  token: string,
  now: number,
  { wait, error, usage, attempt, entry, uncounted, modelWait, calls }: Later,
): Transition {
  const isParked = wait.by === 'sweeper'
  const { set, ...record } = noted(entry)
  return {
    name: 'retryLater',
    when: { statuses: ['PROCESSING'], token },
    set: {
      ...set,
      status: 'RETRYING',
      error,
      attempt,
      claimableFrom: wait.until,
      queuedAt: wait.until,
      dueKind: isParked ? 'timed' : 'queued',
      dueAt: isParked ? wait.until : wait.until + TIMING.queuedPatienceMs,
      updatedAt: now,
      ...(usage ? { usage } : {}),
      ...(calls ? { calls } : {}),
      ...(modelWait ? { modelWait } : {}),
      ...uncounted,
    },
    // What was planned is used, or over.
    ...(modelWait ? {} : { remove: ['modelWait'] as const }),
    ...record,
  }
}

/** Another task of its key runs: the attempt is none, and the task waits in line until it is woken, or for so long. */
export function standInLine(task: Task, token: string, now: number, until: number): Transition {
  const isFirst = task.attempt <= 1
  // A claim takes the start deadline off; this one did not start.
  const startBy = isFirst && task.epoch === 1 ? task.expiresAt : undefined
  return {
    name: 'standInLine',
    when: { statuses: ['PROCESSING'], token },
    set: {
      status: isFirst ? 'PENDING' : 'RETRYING',
      attempt: task.attempt - 1,
      claimableFrom: until,
      queuedAt: until,
      sends: 0,
      dueKind: 'timed',
      dueAt: soonest(until, startBy),
      turnWaits: (task.turnWaits ?? 0) + 1,
      updatedAt: now,
      ...(startBy === undefined ? {} : { startBy }),
    },
    remove: ['token', ...(isFirst ? (['startedAt'] as const) : [])],
  }
}

/** Its key is free: a task in line may be claimed now. The message goes out after this write. */
export function stepForward(seen: Task, now: number): Transition {
  return {
    name: 'stepForward',
    when: { statuses: ['PENDING', 'RETRYING'], epoch: seen.epoch, ...seenDue(seen) },
    set: {
      claimableFrom: now,
      queuedAt: now,
      sends: 1,
      dueKind: 'queued',
      dueAt: soonest(now + TIMING.queuedPatienceMs, seen.startBy),
      updatedAt: now,
    },
  }
}

/** Ends the task by the attempt that holds it. */
export function fail(
  token: string,
  now: number,
  {
    error,
    usage,
    entry,
    calls,
    ...end
  }: End & {
    readonly error: TaskFailure
    readonly usage: Usage | undefined
    readonly entry: Recorded
    readonly calls?: readonly OpenCall[] | undefined
  },
): Transition {
  const { set, remove } = endedByHolder(now, end)
  const { set: history, ...record } = noted(entry)
  return {
    name: 'fail',
    when: { statuses: ['PROCESSING'], token },
    set: {
      ...set,
      ...history,
      status: 'FAILED',
      error,
      ...(usage ? { usage } : {}),
      ...(calls ? { calls } : {}),
    },
    remove,
    ...record,
  }
}

/** Ends a task that nobody holds any more: its worker is gone, or never could load. */
export function failAbandoned(
  seen: Pick<Task, 'epoch' | 'dueAt'>,
  now: number,
  {
    error,
    entry,
    usage,
    ...end
  }: End & { readonly error: TaskFailure; readonly entry?: Recorded; readonly usage?: Usage },
): Transition {
  const { set, remove } = ended(now, end)
  const { set: history, ...record } = noted(entry)
  return {
    name: 'failAbandoned',
    when: { statuses: OPEN_STATUSES, epoch: seen.epoch, claimableFromAtMost: now, ...seenDue(seen) },
    set: { ...set, ...history, ...(usage ? { usage } : {}), status: 'FAILED', error },
    remove,
    ...record,
  }
}

/**
 * Takes what was done off the list of a final row.
 * @param seen the due time of the row that it was done for: usage that came meanwhile moved it, and is still to be added.
 */
export function followUpsDone(
  epoch: number,
  now: number,
  left: readonly FollowUp[],
  { tallied, ...seen }: Pick<Task, 'dueAt' | 'tallied'> = {},
): Transition {
  return {
    name: 'followUpsDone',
    when: { statuses: FINAL_STATUSES, epoch, ...(tallied ? seenDue(seen) : {}) },
    set: {
      ...(left.length ? { pending: left, dueAt: now + TIMING.followUpPatienceMs } : {}),
      ...(tallied ? { tallied } : {}),
    },
    remove: left.length ? [] : ['pending', 'dueAt', 'dueKind'],
  }
}

/** Cancels the epoch that was seen; an attempt that runs goes into the history by the same write. */
export function cancel(seen: Task, now: number, end: End): Transition {
  const { set, remove } = ended(now, end)
  const isRunning = seen.status === 'PROCESSING' && seen.token !== undefined
  const attempt = { ...crashRecord(seen, now), outcome: 'cancelled' }
  const { set: history, ...record } = noted(isRunning ? recorded(seen, attempt) : undefined)
  return {
    name: 'cancel',
    when: isRunning
      ? { statuses: ['PROCESSING'], epoch: seen.epoch, token: seen.token as string }
      : { statuses: seen.status === 'PROCESSING' ? ['PROCESSING'] : CLAIMABLE_STATUSES, epoch: seen.epoch },
    set: { ...set, ...history, status: 'CANCELLED' },
    ...record,
    // An earlier attempt's error is in the history; it is not why the task ended.
    remove: [...remove, 'startBy', 'error'],
  }
}

/** Ends a firing of a schedule by the attempt that holds it: the one before it still runs. Its code never began. */
export function skipFiring(token: string, now: number, blockedBy: Firing, end: End): Transition {
  const { set, remove } = endedByHolder(now, end)
  return {
    name: 'skipFiring',
    when: { statuses: ['PROCESSING'], token },
    set: {
      ...set,
      status: 'CANCELLED',
      error: {
        code: 'schedule_overlap',
        message: `Skipped: task ${blockedBy.previous} of the same schedule was still running.`,
        retryable: false,
      },
      // Who comes next asks the task that runs, without reading all that were skipped.
      firing: blockedBy,
    },
    remove,
  }
}

/** A cancelled attempt adds what it had spent. Touches nothing else, whatever became of the row. */
export function recordCancelledUsage(epoch: number, token: string, usage: Usage): Transition {
  return { name: 'recordCancelledUsage', when: { statuses: ['CANCELLED'], epoch, token }, set: { usage } }
}

/**
 * The same of a task whose usage is added to its tenant's hours. The row is due with it: `pending` is what had to follow when it was
 * seen, so a row with another list by now refuses.
 */
export function oweCancelledUsage(
  seen: Pick<Task, 'epoch' | 'dueAt' | 'pending'>,
  token: string,
  usage: Usage,
  now: number,
): Transition {
  return {
    name: 'oweCancelledUsage',
    when: {
      statuses: ['CANCELLED'],
      epoch: seen.epoch,
      token,
      ...(seen.dueAt === undefined ? { nonePendingOf: ['tally'] as const } : { dueAt: seen.dueAt }),
    },
    set: {
      usage,
      pending: [...new Set([...(seen.pending ?? []), 'tally' as const])],
      dueKind: 'timed',
      // Not the time that was seen: who adds up the usage of before must not call this one added.
      dueAt: (seen.dueAt ?? now) + 1,
    },
  }
}

export function expire(seen: Pick<Task, 'epoch'>, now: number, end: End): Transition {
  const { set, remove } = ended(now, end)
  return {
    name: 'expire',
    when: { statuses: ['SCHEDULED', 'PENDING'], epoch: seen.epoch, startByAtMost: now },
    set: {
      ...set,
      status: 'EXPIRED',
      error: { code: 'expired', message: 'The task did not start before its deadline.', retryable: false },
    },
    remove: [...remove, 'startBy'],
  }
}

/** How an epoch begins that is not the first. */
export interface Beginning {
  readonly parent?: Parent | undefined
  /** Forgets the checkpoints. */
  readonly isFromStart?: boolean | undefined
  /** The place that was taken for it. */
  readonly held?: Held | undefined
}

/** Starts the next epoch of a finished task, at once or a little later. The message goes out after this write. */
export function restart(
  epoch: number,
  now: number,
  statuses: readonly Status[] = RETRYABLE_STATUSES,
  startAt: number = now,
  { parent, isFromStart = false, held }: Beginning = {},
): Transition {
  return {
    name: 'restart',
    // What must follow an end is not overtaken: it is done first, then the next epoch begins.
    when: { statuses, epoch, nonePendingOf: OWED_BEFORE_RESTART },
    set: {
      status: 'PENDING',
      epoch: epoch + 1,
      attempt: 0,
      claimableFrom: startAt,
      queuedAt: startAt,
      sends: 1,
      dueKind: 'queued',
      dueAt: startAt + TIMING.queuedPatienceMs,
      updatedAt: now,
      ...(parent ? { parent } : {}),
      ...(held ? { held } : {}),
    },
    remove: [
      'error',
      'result',
      'progress',
      'finishedAt',
      'startBy',
      'token',
      'parkedSince',
      'uncounted',
      'turnWaits',
      'modelWait',
      'pending',
      'ttl',
      'reapAt',
      ...(held ? [] : (['held'] as const)),
      // Checkpoints of before no longer count.
      ...(isFromStart ? (['stepsSince', 'calls'] as const) : []),
    ],
  }
}

/** An open task belongs to the workflow's new epoch. */
export function adopt(epoch: number, parent: Parent): Transition {
  return { name: 'adopt', when: { statuses: OPEN_STATUSES, epoch }, set: { parent } }
}

/** The sweeper sent another message for a row whose own seems lost, or whose time has come. */
export function markResent(
  seen: Pick<Task, 'epoch' | 'dueAt' | 'sends' | 'startBy'>,
  queuedAt: number,
  now: number,
): Transition {
  const sends = seen.sends + 1
  return {
    name: 'markResent',
    when: { statuses: ['SCHEDULED', 'PENDING', 'RETRYING'], epoch: seen.epoch, ...seenDue(seen) },
    set: {
      sends,
      queuedAt,
      dueKind: 'queued',
      dueAt: soonest(queuedAt + patienceMs(sends), seen.startBy),
      updatedAt: now,
    },
  }
}

/** The lease ran out and nobody finished: the task goes back to its queue. Spends the attempt that was begun. */
export function takeOver(seen: Task, now: number): Transition {
  const { set, ...record } = noted(recorded(seen, crashRecord(seen, now)))
  return {
    name: 'takeOver',
    when: { statuses: ['PROCESSING'], epoch: seen.epoch, claimableFromAtMost: now, ...seenDue(seen) },
    set: {
      ...set,
      status: 'PENDING',
      queuedAt: now,
      sends: seen.sends + 1,
      dueKind: 'queued',
      dueAt: now + TIMING.queuedPatienceMs,
      updatedAt: now,
    },
    remove: ['token'],
    ...record,
  }
}

/** The first SendMessage failed: make the row due now, so that the next sweep sends it without the 60 s wait. */
export function markSendFailed(epoch: number, now: number): Transition {
  return {
    name: 'markSendFailed',
    when: { statuses: ['SCHEDULED', 'PENDING'], epoch },
    set: { sends: 0, dueKind: 'timed', dueAt: now },
  }
}

/** A start deadline is a due time too. */
export const soonest = (dueAt: number, startBy: number | undefined): number =>
  Math.min(dueAt, startBy ?? dueAt)

const seenDue = (seen: Pick<Task, 'dueAt'>) => (seen.dueAt === undefined ? {} : { dueAt: seen.dueAt })

/** What a store's condition says, in memory: the second implementation that the property test compares with. */
export function guardHolds(task: Task, when: Guard): boolean {
  return (
    when.statuses.includes(task.status) &&
    (when.epoch === undefined || task.epoch === when.epoch) &&
    (when.token === undefined || task.token === when.token) &&
    (when.claimableFromAtMost === undefined || task.claimableFrom <= when.claimableFromAtMost) &&
    (when.startByAfter === undefined || task.startBy === undefined || task.startBy > when.startByAfter) &&
    (when.startByAtMost === undefined ||
      (task.startBy !== undefined && task.startBy <= when.startByAtMost)) &&
    (!when.hasAttemptsLeft || task.attempt < task.maxAttempts) &&
    (when.nonePendingOf ?? []).every((step) => !task.pending?.includes(step)) &&
    (when.dueAt === undefined || task.dueAt === when.dueAt)
  )
}

/** Takes content out of a final row whose follow-ups are done. Doing it again is fine. */
export function erase(seen: Task, now: number): Transition {
  return {
    name: 'erase',
    when: { statuses: FINAL_STATUSES, epoch: seen.epoch, nonePendingOf: FOLLOW_UPS },
    set: {
      input: { json: 'null' },
      tags: [],
      erasedAt: seen.erasedAt ?? now,
      // Dead letters of the epoch before bring nothing back.
      epoch: seen.epoch + (seen.erasedAt === undefined ? 1 : 0),
      updatedAt: now,
      ...(seen.error ? { error: { ...seen.error, message: 'Deleted on demand.' } } : {}),
    },
    remove: ['result', 'progress', 'webhook', 'stepsSince'],
  }
}
