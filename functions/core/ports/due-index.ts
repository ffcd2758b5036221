import type { Lane } from '../../contract.ts'
import type { DueKind, Status, TaskKey } from '../domain/task.ts'

/** One of several readers that read the index side by side; `index` counts from 0. */
export interface DuePart {
  readonly index: number
  readonly of: number
}

/**
 * Finds rows of which something must happen by an instant: tasks, workflows, schedules, deliveries. It lags behind the rows: a
 * transition built from an entry states what it saw.
 *
 * @throws UnavailableError when the table does not answer. MisconfiguredError when it refuses the function.
 */
export interface DueIndex {
  /**
   * Streams of entries up to an instant, one for each shard of a part, each oldest first, page by page. Read side by side, so that
   * a long one keeps nobody waiting.
   */
  shards(
    kind: DueKind,
    upTo: number,
    part?: DuePart,
  ): readonly AsyncIterable<readonly (DueEntry | DueItem)[]>[]
  /** The first entries of every shard: what an operator's view shows of each. */
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

/** Something other than a task that is due. */
export interface DueItem extends TaskKey {
  readonly item: 'workflow' | 'schedule' | 'delivery'
  readonly dueAt: number
}

export const isDueTask = (entry: DueEntry | DueItem): entry is DueEntry => entry.item === 'task'
