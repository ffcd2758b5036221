import type { Task } from '../../domain/task.ts'
import { JOIN_SHARD, shardOf, shardSize, shardsOf } from '../../domain/workflow/workflow.ts'
import type { KickQueue } from '../../ports/kick-queue.ts'
import type { WorkflowStore } from '../../ports/workflow-store.ts'

/**
 * Tells a workflow that one of its tasks ended: a follow-up of the task's end. Repeating it changes nothing. Who sees the
 * full set asks for the next step; when that process dies, the follow-up is still pending, and its repair sees the full set
 * too.
 *
 * @throws UnavailableError; the follow-up stays pending then.
 */
export async function reportToWorkflow(
  { workflows, queue }: { readonly workflows: WorkflowStore; readonly queue: KickQueue },
  task: Task,
): Promise<void> {
  if (!task.parent) return
  const { workflow: id, epoch, node, index, size, isFailFast } = task.parent
  const workflow = { tenant: task.tenant, id }
  const shard = shardOf(index)
  const isCompleted = task.status === 'COMPLETED'
  const cost = task.usage ? task.usage.costMicroUsd : 0
  const ended = await workflows.addToJoin({ workflow, epoch, node, shard }, index, isCompleted, cost)
  const isFull =
    ended >= shardSize(size, shard) &&
    (size <= JOIN_SHARD || (await workflows.addFullShard({ workflow, epoch, node, shard })) >= shardsOf(size))
  if (isFull || (!isCompleted && isFailFast)) await queue.kick(workflow)
}
