import type { Lane } from '../../contract.ts'
import type { Status, Task, TaskKey } from '../domain/task.ts'
import type { Transition } from '../domain/transitions.ts'

/**
 * Stores the row of every task.
 *
 * Every write is one conditional write. An implementation must apply a transition completely or not at all: two workers
 * that process the same task at once are a normal case here, not an error. When the answer to a successful write was lost, the
 * repeated write must return `changed: true`. A row whose `ttl` has passed counts as deleted, even if it is still stored.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded. MisconfiguredError when
 * it refuses the function, RefusedValueError for a value it cannot store.
 */
export interface TaskStore {
  /**
   * Creates the row unless it exists.
   * @returns `created`, or the existing row.
   */
  create(
    task: Task,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Task }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Task | undefined>
  /** The same for many rows, in no order; missing ones are left out. */
  getMany(keys: readonly TaskKey[]): Promise<readonly Task[]>
  /** Reads the fields that tell a running attempt whether to continue, for at most 100 rows in one call. */
  readLeases(keys: readonly TaskKey[]): Promise<readonly LeaseState[]>
  /** Stores until when a client watches a task, for its worker. Not a change of the task; has no effect without a row. */
  markWatched(key: TaskKey, until: number): Promise<void>
  /**
   * Applies the transition if the stored row fulfils its conditions. Never throws for a lost race.
   * @returns the row after the write, or the row that did not fulfil them (undefined when there is none).
   */
  change(key: TaskKey, transition: Transition): Promise<ChangeResult>
  /** The number of a tenant's open tasks by status; each is counted up to some thousand. */
  countOpen(tenant: string): Promise<OpenCounts>
  /** One page of a tenant's tasks, newest first. */
  list(tenant: string, filter: ListFilter, limit: number, cursor?: string): Promise<TaskPage>
}

export type ChangeResult =
  | { readonly changed: true; readonly task: Task }
  | { readonly changed: false; readonly task: Task | undefined }

export interface LeaseState extends TaskKey {
  readonly status: Status
  readonly epoch: number
  readonly token: string | undefined
  /** A client watches until this time, milliseconds since 1970. */
  readonly watchedUntil?: number
}

export interface OpenCounts {
  readonly counts: Readonly<Partial<Record<Status, number>>>
  /** There are more tasks than were counted. */
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
