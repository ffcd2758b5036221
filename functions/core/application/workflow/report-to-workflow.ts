import type { Task } from '../../domain/task.ts'
import { JOIN_SHARD, shardOf, shardSize, shardsOf } from '../../domain/workflow/workflow.ts'
import { advanceWorkflow } from './advance-workflow.ts'
import type { WorkflowDependencies } from './start-tasks.ts'

/**
 * Tells a workflow that one of its tasks ended: a follow-up of the task's end. Repeating it changes nothing. Who sees the
 * full set makes the next step; when that process dies, the follow-up is still pending, and its repair sees the full set too.
 *
 * @throws UnavailableError; the follow-up stays pending then.
 */
export async function reportToWorkflow(
  dependencies: WorkflowDependencies,
  task: Task,
  stopAt: number,
): Promise<void> {
  if (!task.parent) return
  const { workflow: id, epoch, node, index, size, isFailFast } = task.parent
  const { workflows } = dependencies
  const workflow = { tenant: task.tenant, id }
  const shard = shardOf(index)
  const isCompleted = task.status === 'COMPLETED'
  const ended = await workflows.addToJoin({ workflow, epoch, node, shard }, index, isCompleted)
  const isFull =
    ended >= shardSize(size, shard) &&
    (size <= JOIN_SHARD || (await workflows.addFullShard({ workflow, epoch, node, shard })) >= shardsOf(size))
  if (isFull || (!isCompleted && isFailFast)) await advanceWorkflow(dependencies, workflow, stopAt)
}
