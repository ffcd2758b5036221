import type { TaskKey } from '../domain/task.ts'
import type { Join, Workflow, WorkflowStatus } from '../domain/workflow/workflow.ts'

/**
 * Stores workflows and the joins of their nodes.
 *
 * @throws UnavailableError when the store does not answer; then it is unknown whether a write succeeded.
 */
export interface WorkflowStore {
  /** Creates the row unless it exists. */
  create(
    workflow: Workflow,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Workflow }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Workflow | undefined>
  /**
   * Replaces the row that was read.
   * @returns false when the row has changed since; then nothing is written. True also when the change was our own earlier write
   * whose answer was lost.
   */
  replace(seen: Workflow, next: Workflow): Promise<boolean>
  /**
   * Adds an ended task to its node's join. Repeating it has no effect; a failed task that completes later is moved.
   * @param costMicroUsd the task's cost; null when it is unknown.
   * @returns the number of ended tasks in the shard.
   */
  addToJoin(
    place: JoinPlace,
    index: number,
    isCompleted: boolean,
    costMicroUsd: number | null,
  ): Promise<number>
  /**
   * Adds a full shard to its node.
   * @returns the number of full shards.
   */
  addFullShard(place: JoinPlace): Promise<number>
  /** Everything added to a node's join in an epoch, strongly consistent. */
  readJoin(place: Omit<JoinPlace, 'shard'>, shards: number): Promise<Join>
  /** One page of a tenant's workflows, newest first. */
  list(
    tenant: string,
    filter: { readonly status?: WorkflowStatus },
    limit: number,
    cursor?: string,
  ): Promise<{ readonly workflows: readonly Workflow[]; readonly cursor?: string }>
}

export interface JoinPlace {
  readonly workflow: TaskKey
  /** The workflow's epoch. */
  readonly epoch: number
  readonly node: string
  readonly shard: number
}
