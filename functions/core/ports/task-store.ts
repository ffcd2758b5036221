import type { Lane } from '../../contract.ts'
import type { Status, Task, TaskKey } from '../domain/task.ts'
import type { Transition } from '../domain/transitions.ts'

/**
 * Keeps the one true row of every task.
 *
 * Every write is one conditional write. An implementation must apply a transition atomically or not at all:
 * two workers holding the same task is a normal event here, not an error case. A lost answer to a write that
 * landed must come back as `changed`, never as `refused`. A row whose `ttl` has passed does not exist, whether
 * or not it is still stored.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write. MisconfiguredError when it
 * refuses the function, RefusedValueError for a value it cannot keep.
 */
export interface TaskStore {
  /**
   * Creates the row unless one is there.
   * @returns `created`, or the row that was there first.
   */
  create(
    task: Task,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Task }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Task | undefined>
  /** The same for many rows, in no order; a missing one is left out. */
  getMany(keys: readonly TaskKey[]): Promise<readonly Task[]>
  /** Reads what tells a running attempt whether to go on, for at most 100 rows in one call. */
  readLeases(keys: readonly TaskKey[]): Promise<readonly LeaseState[]>
  /** Says until when somebody watches a task, for its worker to see; not a change of the task. Nothing where there is none. */
  markWatched(key: TaskKey, until: number): Promise<void>
  /**
   * Applies the transition if the stored row fits it. Never throws for a lost race.
   * @returns the row after the write, or the row that refused it (undefined when there is none).
   */
  change(key: TaskKey, transition: Transition): Promise<Changed>
  /** How many of a tenant's tasks are open now, by status; up to some thousand of each. */
  countOpen(tenant: string): Promise<OpenCounts>
  /** One page of a tenant's tasks, newest first. */
  list(tenant: string, filter: ListFilter, limit: number, cursor?: string): Promise<TaskPage>
}

export type Changed =
  | { readonly changed: true; readonly task: Task }
  | { readonly changed: false; readonly task: Task | undefined }

export interface LeaseState extends TaskKey {
  readonly status: Status
  readonly epoch: number
  readonly token: string | undefined
  /** Somebody watches until then, milliseconds since 1970. */
  readonly watchedUntil?: number
}

export interface OpenCounts {
  readonly counts: Readonly<Partial<Record<Status, number>>>
  /** There are more than were counted. */
  readonly isPartial: boolean
}

export interface ListFilter {
  readonly status?: Status
  readonly type?: string
  readonly lane?: Lane
  readonly tag?: string
  readonly createdAfter?: number
  readonly createdBefore?: number
}

export interface TaskPage {
  readonly tasks: readonly Task[]
  /** Opaque; absent on the last page. */
  readonly cursor?: string
}
