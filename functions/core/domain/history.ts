/** The record of a task's attempts. It has a maximum length, because it grows with every retry and a row has at most 400 kB. */
import type { AttemptRecord, Task } from './task.ts'

/** The first attempts show the original cause, the latest the present one. */
export const FIRST_ATTEMPTS = 10
const LATEST = 20

/** The change of the history by an ending attempt: one more record, or a new list when the history is full. */
export type HistoryChange =
  | { readonly record: AttemptRecord }
  | { readonly trimmed: Required<Pick<Task, 'history' | 'attemptsOmitted'>> }

export function appendToHistory(
  seen: Pick<Task, 'history' | 'attemptsOmitted'>,
  record: AttemptRecord,
): HistoryChange {
  const { history, attemptsOmitted = 0 } = seen
  if (history.length < FIRST_ATTEMPTS + LATEST) return { record }
  const latest = [...history.slice(FIRST_ATTEMPTS), record]
  return {
    trimmed: {
      history: [...history.slice(0, FIRST_ATTEMPTS), ...latest.slice(-LATEST)],
      attemptsOmitted: attemptsOmitted + latest.length - LATEST,
    },
  }
}

/** The record of an attempt whose worker stopped without a result. */
export const crashRecord = (task: Task, now: number): AttemptRecord => ({
  epoch: task.epoch,
  attempt: task.attempt,
  startedAt: task.startedAt ?? now,
  endedAt: now,
  outcome: 'worker_crashed',
})

/** Attempts of this epoch so far whose worker crashed. */
const crashesOf = ({ epoch, history }: Task): number =>
  history.filter((record) => record.epoch === epoch && record.outcome === 'worker_crashed').length

/**
 * The crashed attempts directly before this one. Their usage was only in the worker's memory; of it, only the part that is
 * stored with their checkpoints is known.
 */
export function attemptsWithUnknownUsage({ history }: Pick<Task, 'history'>): readonly AttemptRecord[] {
  const lastBooked = history.findLastIndex(({ outcome }) => outcome !== 'worker_crashed')
  return history.slice(lastBooked + 1)
}

/** After this many crashes the task itself may be the cause: it then runs alone, so that it cannot end other tasks. */
const SUSPECT_AFTER = 2
export const hasCrashedOften = (task: Task): boolean => crashesOf(task) >= SUSPECT_AFTER

/** Whether a crashed task gets no further attempt. A suspect task ran alone, so no other task can have caused its crash. */
export const hasNoAttemptLeft = (task: Task): boolean =>
  task.attempt >= task.maxAttempts || (task.status === 'PROCESSING' && hasCrashedOften(task))
