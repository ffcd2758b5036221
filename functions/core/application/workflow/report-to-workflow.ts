import type { Task } from '../../domain/task.ts'
import { JOIN_SHARD, shardOf, shardSize, shardsOf } from '../../domain/workflow/workflow.ts'
import type { WakeQueue } from '../../ports/wake-queue.ts'
import type { WorkflowStore } from '../../ports/workflow-store.ts'

/**
 * Follow-up of a task's end: adds it to the ended tasks of its workflow's node. Repeating it has no effect. The report that
 * completes the set sends the message for the next step; after a crash before that, the follow-up is still pending, and its
 * repetition sees the complete set too.
 *
 * @throws UnavailableError; the follow-up stays pending then.
 */
export async function reportToWorkflow(
  { workflows, queue }: { readonly workflows: WorkflowStore; readonly queue: WakeQueue },
  task: Task,
): Promise<void> {
  if (!task.parent) return
  const { workflow: id, epoch, node, index, size, isFailFast } = task.parent
  const workflow = { tenant: task.tenant, id }
  const shard = shardOf(index)
  const isCompleted = task.status === 'COMPLETED'
  const cost = task.usage ? task.usage.costMicroUsd : 0
  const ended = await workflows.addToJoin({ workflow, epoch, node, shard }, index, isCompleted, cost)
  const isShardFull =
    ended >= shardSize(size, shard) &&
    (size <= JOIN_SHARD || (await workflows.addFullShard({ workflow, epoch, node, shard })) >= shardsOf(size))
  if (isShardFull || (!isCompleted && isFailFast)) await queue.wake(workflow)
}
