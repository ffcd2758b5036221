import type { TaskKey } from '../domain/task.ts'
import type { Join, Workflow, WorkflowStatus } from '../domain/workflow/workflow.ts'

/**
 * Keeps workflows and the joins of their nodes.
 *
 * @throws UnavailableError when the store does not answer; nothing is known then about the write.
 */
export interface WorkflowStore {
  /** Creates the row unless one is there. */
  create(
    workflow: Workflow,
  ): Promise<{ readonly created: true } | { readonly created: false; readonly existing: Workflow }>
  /** Reads one row, strongly consistent. */
  get(key: TaskKey): Promise<Workflow | undefined>
  /**
   * Puts the row in the place of the one that was seen.
   * @returns false when the stored version is another one: nothing is written then. True also when it was our own write
   * whose answer was lost.
   */
  replace(seen: Workflow, next: Workflow): Promise<boolean>
  /**
   * Adds an ended task to its node's join. Adding twice changes nothing; one that completes after it had failed moves.
   * @param costMicroUsd what the task has cost; null when that is not known.
   * @returns how many of the shard's tasks have ended.
   */
  addToJoin(
    place: JoinPlace,
    index: number,
    isCompleted: boolean,
    costMicroUsd: number | null,
  ): Promise<number>
  /**
   * Adds a full shard to its node.
   * @returns how many shards are full.
   */
  addFullShard(place: JoinPlace): Promise<number>
  /** All that was added to a node's join in an epoch, strongly consistent. */
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
