import { sendDeadLetter } from '../core/application/shared/dead-letter.ts'
import type { FollowUpSteps } from '../core/application/shared/follow-up.ts'
import { notifyWebhooks } from '../core/application/webhook/notify-webhooks.ts'
import { reportToWorkflow } from '../core/application/workflow/report-to-workflow.ts'
import { endEventOf } from '../core/domain/webhook.ts'
import type { DeadLetters } from '../core/ports/dead-letters.ts'
import {
  clock,
  ids,
  log,
  openWebhookQueue,
  openWebhooks,
  openWorkflowQueue,
  openWorkflows,
} from './lambda.ts'
import { openRelease } from './limits.ts'
import { tally } from './tally.ts'

/**
 * The follow-up steps that a function does after a task's end.
 *
 * @param deadLetters left out when the function may not send to the dead-letter queues; that step then stays pending.
 */
export function openFollowUpSteps(deadLetters?: Pick<DeadLetters, 'sendDead'>): FollowUpSteps {
  const parents = { workflows: openWorkflows(), queue: openWorkflowQueue() }
  const receivers = { webhooks: openWebhooks(), webhookQueue: openWebhookQueue(), clock, ids, log }
  return {
    ...openRelease(),
    tally,
    ...(deadLetters ? { dead_letter: (task) => sendDeadLetter({ deadLetters, log }, task) } : {}),
    parent: (task) => reportToWorkflow(parents, task),
    webhook: async (task) => {
      const event = endEventOf(task.status)
      if (event) await notifyWebhooks(receivers, task, event)
    },
  }
}
