import type { Lane } from '../../contract.ts'
import type { DueKind, Status, TaskKey } from '../domain/task.ts'

/** One of several readers that read the index concurrently; `index` counts from 0. */
export interface DuePart {
  readonly index: number
  readonly of: number
}

/**
 * Finds rows that are due at an instant: tasks, workflows, schedules, deliveries. The index lags behind the rows, so a
 * transition based on an entry must be conditional on the values read.
 *
 * @throws UnavailableError when the table does not answer. MisconfiguredError when it refuses the function.
 */
export interface DueIndex {
  /**
   * The entries up to an instant, one stream per shard of a part, each oldest first, page by page. Read the streams concurrently,
   * so that a long one does not delay the others.
   */
  shards(
    kind: DueKind,
    upTo: number,
    part?: DuePart,
  ): readonly AsyncIterable<readonly (DueEntry | DueItem)[]>[]
  /** The first entries of every shard, for display. */
  first(kind: DueKind, perShard: number): Promise<readonly (DueEntry | DueItem)[]>
}

export interface DueEntry extends TaskKey {
  readonly item: 'task'
  readonly status: Status
  readonly epoch: number
  readonly lane: Lane
  readonly dueAt: number
  readonly queuedAt: number
  readonly sends: number
  readonly startBy?: number
}

/** A due row that is not a task. */
export interface DueItem extends TaskKey {
  readonly item: 'workflow' | 'schedule' | 'delivery'
  readonly dueAt: number
}

export const isDueTask = (entry: DueEntry | DueItem): entry is DueEntry => entry.item === 'task'
