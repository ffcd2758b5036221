import middy from '@middy/core'
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { openSubmission, prepareBody } from '../api/submission.ts'
import { ENV } from '../contract.ts'
import { advanceWorkflow } from '../core/application/workflow/advance-workflow.ts'
import { parseKick } from '../core/domain/workflow/parse-kick.ts'
import { openFollowUps } from '../hosts/follow-ups.ts'
import { clock, log, openWorkflowQueue, openWorkflows, readConfig } from '../hosts/lambda.ts'

const submission = openSubmission()
const kicks = openWorkflowQueue()
const dependencies = {
  ...submission,
  workflows: openWorkflows(),
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
  followUps: openFollowUps(),
  prepare: (tenant: string, body: unknown) => prepareBody(submission, tenant, body),
}

/** Left for what is under way when the time is over. */
const RESERVE_MS = 20_000

/** The consumer of the workflow queue: makes the next steps of each workflow that a message names. */
export const handler = middy<SQSEvent, SQSBatchResponse>().handler(async (event, context: Context) => {
  const stopAt = clock.now() + context.getRemainingTimeInMillis() - RESERVE_MS
  const failed = await Promise.all(
    event.Records.map(async ({ body, messageId }) => {
      const key = parseKick(body)
      if (!key) {
        log('message.unreadable', { message_id: messageId, bytes: body.length })
        return []
      }
      try {
        // What is left is asked for anew: a workflow of 10,000 tasks outlives one invocation on a slow day.
        if ((await advanceWorkflow(dependencies, key, stopAt)) === 'unfinished') await kicks.kick(key)
        return []
      } catch (error) {
        log('workflow.stuck', { tenant: key.tenant, workflow_id: key.id, cause: String(error) })
        return [{ itemIdentifier: messageId }]
      }
    }),
  )
  return { batchItemFailures: failed.flat() }
})
