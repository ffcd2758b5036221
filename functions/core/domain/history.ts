/** The record of a task's attempts. It grows with every retry by hand, and a row has at most 400 kB. */
import type { AttemptRecord, Task } from './task.ts'

/** The first attempts tell what began it, the latest what it is like now. */
const FIRST = 10
const LATEST = 20

/** What an ending attempt leaves in the history: one more line, or the whole of a history that is full. */
export type Recorded =
  | { readonly record: AttemptRecord }
  | { readonly trimmed: Required<Pick<Task, 'history' | 'attemptsOmitted'>> }

export function recorded(seen: Pick<Task, 'history' | 'attemptsOmitted'>, record: AttemptRecord): Recorded {
  const { history, attemptsOmitted = 0 } = seen
  if (history.length < FIRST + LATEST) return { record }
  const latest = [...history.slice(FIRST), record]
  return {
    trimmed: {
      history: [...history.slice(0, FIRST), ...latest.slice(-LATEST)],
      attemptsOmitted: attemptsOmitted + latest.length - LATEST,
    },
  }
}

/** The record of an attempt whose worker ended before it did. */
export const crashRecord = (task: Task, now: number): AttemptRecord => ({
  epoch: task.epoch,
  attempt: task.attempt,
  startedAt: task.startedAt ?? now,
  endedAt: now,
  outcome: 'worker_crashed',
})

/** Attempts of this epoch that ended with their worker, so far. */
const crashesOf = ({ epoch, history }: Task): number =>
  history.filter((record) => record.epoch === epoch && record.outcome === 'worker_crashed').length

/**
 * The attempts right before this one that ended with their worker. What they had used was in its memory and is in no
 * row: of it, their checkpoints alone tell.
 */
export function unbookedAttempts({ history }: Pick<Task, 'history'>): readonly AttemptRecord[] {
  const lastBooked = history.findLastIndex(({ outcome }) => outcome !== 'worker_crashed')
  return history.slice(lastBooked + 1)
}

/** Two environments died with it: it may be what kills them, and must take no other task along a third time. */
const SUSPECT_AFTER = 2
export const isSuspect = (task: Task): boolean => crashesOf(task) >= SUSPECT_AFTER

/** Whether a task whose worker is gone has had all it may have. A suspect ran alone: nothing else can have killed it. */
export const isSpent = (task: Task): boolean =>
  task.attempt >= task.maxAttempts || (task.status === 'PROCESSING' && isSuspect(task))
