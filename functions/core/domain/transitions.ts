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
import type { Reservation } from './budget.ts'
import { FOLLOW_UPS, type FollowUp, REQUIRED_BEFORE_RESTART } from './follow-ups.ts'
import { appendToHistory, crashRecord, type HistoryChange } from './history.ts'
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

/** Conditions on the stored row. All given ones must hold. */
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
  /** Fewer attempts have begun than the task may have. */
  readonly hasAttemptsLeft?: true
  /** None of these is in `pending`. */
  readonly nonePendingOf?: readonly FollowUp[]
  /** `dueAt` has exactly this value: the row has not changed since the sweeper read it. */
  readonly dueAt?: number
}

type OptionalField = {
  [K in keyof Task]-?: undefined extends Task[K] ? K : never
}[keyof Task]

export interface Transition {
  readonly name: string
  readonly when: Guard
  readonly set: Partial<Omit<Task, 'tenant' | 'id' | 'createdAt' | 'writeId'>>
  readonly remove?: readonly OptionalField[]
  /** Begins an attempt: the store adds one to `attempt`. */
  readonly beginsAttempt?: true
  /** Appended to `history`. */
  readonly record?: AttemptRecord
}

/** How long a final row is kept. */
export type Retention = Required<Pick<Task, 'ttl' | 'reapAt'>>

/** Time between the `sends`-th message of a row and the sweeper's check whether the message was lost. */
export const resendCheckMs = (sends: number): number =>
  Math.min(TIMING.queuedPatienceMs * 2 ** Math.max(0, sends - 1), TIMING.maxPatienceMs)

/**
 * Takes the lease for one attempt.
 *
 * @param dead the row when the lease of its last attempt has ended: that attempt's record is added by the same write.
 */
export function claim(epoch: number, token: string, now: number, dead?: Task): Transition {
  const { set, ...record } = dead ? noted(appendToHistory(dead, crashRecord(dead, now))) : noted(undefined)
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

/** Statuses in which no attempt holds a lease. */
const CLAIMABLE_STATUSES = ['SCHEDULED', 'PENDING', 'RETRYING'] as const satisfies readonly Status[]

/** The part of a transition that adds a record to the history. */
function noted(entry: HistoryChange | undefined): Pick<Transition, 'set' | 'record'> {
  if (entry === undefined) return { set: {} }
  return 'trimmed' in entry ? { set: entry.trimmed } : { set: {}, record: entry.record }
}

/** Renews the lease, and writes new progress if there is any. */
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

/** Writes progress without changing the lease, so that the due index is not rewritten. */
export function report(token: string, now: number, progress: Progress): Transition {
  return { name: 'report', when: { statuses: ['PROCESSING'], token }, set: { progress, updatedAt: now } }
}

/** The fields that every end of a task writes. */
export interface EndDetails {
  readonly retention: Retention
  /** Follow-ups of the end; see `followUpsOf`. */
  readonly pending: readonly FollowUp[]
}

/** Fields of a row that ends: in the due index only while follow-ups are not done. */
function ended(now: number, { retention, pending }: EndDetails) {
  const set = { finishedAt: now, updatedAt: now, ...retention }
  return pending.length
    ? {
        set: { ...set, pending, dueKind: 'timed' as const, dueAt: now + TIMING.followUpPatienceMs },
        remove: [] as const,
      }
    : { set, remove: ['dueAt', 'dueKind'] as const }
}

/**
 * The same for an end written by the attempt that holds the lease: the row stays due at the lease's end. Its entry in the due
 * index stays unchanged, which costs half as much as replacing it.
 */
function endedByHolder(now: number, end: EndDetails) {
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
  }: EndDetails & {
    readonly result: Payload
    readonly usage: Usage | undefined
    readonly entry: HistoryChange
  },
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

export interface RetryWait {
  readonly until: number
  /** `message`: the message itself becomes visible at `until`. `sweeper`: the sweeper sends a new message then. */
  readonly by: 'message' | 'sweeper'
}

export interface RetryDetails {
  readonly wait: RetryWait
  readonly error: TaskFailure
  readonly usage: Usage | undefined
  /** The number of attempts that count: one less when the infrastructure failed. */
  readonly attempt: number
  /** Left out when no attempt was used up. */
  readonly entry?: HistoryChange
  /** Since when, and how often, the task was delayed without using up an attempt. */
  readonly uncounted?: Required<Pick<Task, 'parkedSince' | 'uncounted'>>
  /** The planned time of a model call that a provider limit delays; left out without one. */
  readonly modelWait?: ModelWait
  /** Model calls that the next attempt may resume; left out when they have not changed. */
  readonly calls?: readonly OpenCall[] | undefined
}

/** Ends an attempt that will be tried again. */
export function retryLater(
  token: string,
  now: number,
  { wait, error, usage, attempt, entry, uncounted, modelWait, calls }: RetryDetails,
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
    // The planned time has been used, or has passed.
    ...(modelWait ? {} : { remove: ['modelWait'] as const }),
    ...record,
  }
}

/** Another task of its key runs: this attempt does not count, and the task waits until its turn, at most until `until`. */
export function waitForTurn(task: Task, token: string, now: number, until: number): Transition {
  const isFirst = task.attempt <= 1
  // The claim removed the start deadline; it holds again, because the task did not start.
  const startBy = isFirst && task.epoch === 1 ? task.expiresAt : undefined
  return {
    name: 'waitForTurn',
    when: { statuses: ['PROCESSING'], token },
    set: {
      status: isFirst ? 'PENDING' : 'RETRYING',
      attempt: task.attempt - 1,
      claimableFrom: until,
      queuedAt: until,
      sends: 0,
      dueKind: 'timed',
      dueAt: earliestDue(until, startBy),
      turnWaits: (task.turnWaits ?? 0) + 1,
      updatedAt: now,
      ...(startBy === undefined ? {} : { startBy }),
    },
    remove: ['token', ...(isFirst ? (['startedAt'] as const) : [])],
  }
}

/** No other task of its key runs: the waiting task may be claimed now. Its message is sent after this write. */
export function allowTurn(seen: Task, now: number): Transition {
  return {
    name: 'allowTurn',
    when: { statuses: ['PENDING', 'RETRYING'], epoch: seen.epoch, ...seenDue(seen) },
    set: {
      claimableFrom: now,
      queuedAt: now,
      sends: 1,
      dueKind: 'queued',
      dueAt: earliestDue(now + TIMING.queuedPatienceMs, seen.startBy),
      updatedAt: now,
    },
  }
}

/** Ends the task as FAILED, by the attempt that holds the lease. */
export function fail(
  token: string,
  now: number,
  {
    error,
    usage,
    entry,
    calls,
    ...end
  }: EndDetails & {
    readonly error: TaskFailure
    readonly usage: Usage | undefined
    readonly entry: HistoryChange
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

/** Ends a task without a live attempt: its worker crashed, or could never load the task type. */
export function failAbandoned(
  seen: Pick<Task, 'epoch' | 'dueAt'>,
  now: number,
  {
    error,
    entry,
    usage,
    ...end
  }: EndDetails & { readonly error: TaskFailure; readonly entry?: HistoryChange; readonly usage?: Usage },
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
 * Removes finished follow-ups from the list of a final row.
 * @param seen due time of the row when the follow-ups were done. Later usage changes it, and that usage must still be added.
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

/** Cancels the epoch that was read; the same write records a running attempt in the history. */
export function cancel(seen: Task, now: number, end: EndDetails): Transition {
  const { set, remove } = ended(now, end)
  const isRunning = seen.status === 'PROCESSING' && seen.token !== undefined
  const attempt = { ...crashRecord(seen, now), outcome: 'cancelled' }
  const { set: history, ...record } = noted(isRunning ? appendToHistory(seen, attempt) : undefined)
  return {
    name: 'cancel',
    when: isRunning
      ? { statuses: ['PROCESSING'], epoch: seen.epoch, token: seen.token as string }
      : { statuses: seen.status === 'PROCESSING' ? ['PROCESSING'] : CLAIMABLE_STATUSES, epoch: seen.epoch },
    set: { ...set, ...history, status: 'CANCELLED' },
    ...record,
    // The error of an earlier attempt stays in the history only; it is not the reason for the end.
    remove: [...remove, 'startBy', 'error'],
  }
}

/** Ends a firing whose predecessor still runs, by the attempt that holds the lease. The author's code is not started. */
export function skipFiring(token: string, now: number, blockedBy: Firing, end: EndDetails): Transition {
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
      // The next firing can check the running task directly, without reading all skipped ones.
      firing: blockedBy,
    },
    remove,
  }
}

/** Adds the usage of a cancelled attempt. Changes no other field, whatever happened to the row meanwhile. */
export function recordCancelledUsage(epoch: number, token: string, usage: Usage): Transition {
  return { name: 'recordCancelledUsage', when: { statuses: ['CANCELLED'], epoch, token }, set: { usage } }
}

/**
 * The same for a task with hourly statistics. It also makes the row due, so that the usage is added to them. `pending` is the
 * list of follow-ups that was read; a row whose list has changed refuses the write.
 */
export function recordTalliedCancelledUsage(
  seen: Pick<Task, 'epoch' | 'dueAt' | 'pending'>,
  token: string,
  usage: Usage,
  now: number,
): Transition {
  return {
    name: 'recordTalliedCancelledUsage',
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
      // Another time than the one read, so that a worker that has added the earlier usage cannot mark this usage as added.
      dueAt: (seen.dueAt ?? now) + 1,
    },
  }
}

export function expire(seen: Pick<Task, 'epoch'>, now: number, end: EndDetails): Transition {
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

/** How a later epoch begins. */
export interface EpochStart {
  readonly parent?: Parent | undefined
  /** Discards the checkpoints. */
  readonly isFromStart?: boolean | undefined
  /** The place and reservation taken for the new epoch. */
  readonly held?: Reservation | undefined
}

/** Starts the next epoch of a finished task, at once or a little later. Its message is sent after this write. */
export function restart(
  epoch: number,
  now: number,
  statuses: readonly Status[] = RETRYABLE_STATUSES,
  startAt: number = now,
  { parent, isFromStart = false, held }: EpochStart = {},
): Transition {
  return {
    name: 'restart',
    // The follow-ups of the previous end must be done before the next epoch begins.
    when: { statuses, epoch, nonePendingOf: REQUIRED_BEFORE_RESTART },
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
      // Earlier checkpoints are no longer valid.
      ...(isFromStart ? (['stepsSince', 'calls'] as const) : []),
    ],
  }
}

/** Assigns an open task to the new epoch of its workflow. */
export function assignToWorkflowEpoch(epoch: number, parent: Parent): Transition {
  return { name: 'adopt', when: { statuses: OPEN_STATUSES, epoch }, set: { parent } }
}

/** The sweeper sent another message for a row whose message seems lost, or whose time has come. */
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
      dueAt: earliestDue(queuedAt + resendCheckMs(sends), seen.startBy),
      updatedAt: now,
    },
  }
}

/** The lease ended without a result: the task returns to its queue. The begun attempt counts. */
export function reclaimLease(seen: Task, now: number): Transition {
  const { set, ...record } = noted(appendToHistory(seen, crashRecord(seen, now)))
  return {
    name: 'reclaimLease',
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

/** The earlier of the due time and the start deadline. */
export const earliestDue = (dueAt: number, startBy: number | undefined): number =>
  Math.min(dueAt, startBy ?? dueAt)

const seenDue = (seen: Pick<Task, 'dueAt'>) => (seen.dueAt === undefined ? {} : { dueAt: seen.dueAt })

/** Evaluates a guard in memory; a property test compares the store's condition with it. */
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

/** Deletes input and result of a final row whose follow-ups are done. Idempotent. */
export function erase(seen: Task, now: number): Transition {
  return {
    name: 'erase',
    when: { statuses: FINAL_STATUSES, epoch: seen.epoch, nonePendingOf: FOLLOW_UPS },
    set: {
      input: { json: 'null' },
      tags: [],
      erasedAt: seen.erasedAt ?? now,
      // A new epoch, so that a redrive of earlier dead letters cannot restart the task.
      epoch: seen.epoch + (seen.erasedAt === undefined ? 1 : 0),
      updatedAt: now,
      ...(seen.error ? { error: { ...seen.error, message: 'Deleted on demand.' } } : {}),
    },
    remove: ['result', 'progress', 'webhook', 'stepsSince'],
  }
}
