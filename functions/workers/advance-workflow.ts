import { openSubmission, prepareBody } from '../api/submission.ts'
import { ENV } from '../contract.ts'
import { advanceWorkflow } from '../core/application/workflow/advance-workflow.ts'
import { causeFields } from '../core/domain/errors.ts'
import { openFollowUpSteps } from '../hosts/follow-ups.ts'
import { clock, log, openWorkflowQueue, openWorkflows, readConfig } from '../hosts/lambda.ts'
import { wakeQueueHandler } from '../hosts/wake-queue-handler.ts'

const submission = openSubmission()
const wakeQueue = openWorkflowQueue()
const dependencies = {
  ...submission,
  wakeQueue,
  workflows: openWorkflows(),
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
  followUps: openFollowUpSteps(),
  prepare: (tenant: string, body: unknown) => prepareBody(submission, tenant, body),
}

/** Time reserved for running work when the time is over. */
const RESERVE_MS = 20_000

/** The consumer of the workflow queue: makes the next steps of each workflow that a message names. */
export const handler = wakeQueueHandler(
  async (key, context) => {
    const stopAt = clock.now() + context.getRemainingTimeInMillis() - RESERVE_MS
    // Another message continues: a workflow of 10,000 tasks may need more than one invocation.
    if ((await advanceWorkflow(dependencies, key, stopAt)) === 'unfinished') await wakeQueue.wake(key)
  },
  ({ tenant, id }, error) => log('workflow.stuck', { tenant, workflow_id: id, ...causeFields(error) }),
)
