import { sendDeadLetter } from '../core/application/shared/dead-letter.ts'
import type { FollowUpSteps } from '../core/application/shared/follow-up.ts'
import { notifyWebhooks } from '../core/application/webhook/notify-webhooks.ts'
import { reportToWorkflow } from '../core/application/workflow/report-to-workflow.ts'
import { endEventOf } from '../core/domain/webhook.ts'
import type { KickQueue } from '../core/ports/kick-queue.ts'
import type { TaskQueue } from '../core/ports/task-queue.ts'
import type { WebhookStore } from '../core/ports/webhook-store.ts'
import type { WorkflowStore } from '../core/ports/workflow-store.ts'
import { clock, ids, log, openMeter } from './lambda.ts'

interface Ports {
  /** With dead-letter queues, where the function may send to them. */
  readonly queue?: TaskQueue
  readonly workflows?: WorkflowStore
  readonly kicks?: KickQueue
  readonly webhooks?: WebhookStore
  readonly webhookQueue?: KickQueue
}

/** What a function may do after a task's end. Steps that it has no right to do stay pending for the sweeper. */
export const openFollowUps = ({
  queue,
  workflows,
  kicks,
  webhooks,
  webhookQueue,
}: Ports = {}): FollowUpSteps => ({
  release: ({ tenant, id }) => openMeter().release(tenant, id),
  ...(queue ? { dead_letter: (task) => sendDeadLetter({ queue, log }, task) } : {}),
  ...(workflows && kicks ? { parent: (task) => reportToWorkflow({ workflows, queue: kicks }, task) } : {}),
  ...(webhooks && webhookQueue
    ? {
        webhook: async (task) => {
          const event = endEventOf(task.status)
          if (event) await notifyWebhooks({ webhooks, webhookQueue, clock, ids, log }, task, event)
        },
      }
    : {}),
})
