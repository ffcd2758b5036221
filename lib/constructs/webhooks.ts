import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { ENV } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'
import { grantAccess } from './grant-access.ts'
import type { PayloadBucket } from './payload-bucket.ts'
import { TaskFunction } from './task-function.ts'
import type { TaskTable } from './task-table.ts'

/** A send takes at most 15 s, and a batch is sent concurrently. */
export const SEND_TIMEOUT_SECONDS = 30

export interface WebhookSenderProps {
  readonly stage: StageSettings
  readonly table: TaskTable
  readonly payloads: PayloadBucket
  readonly webhooks: sqs.Queue
  readonly bundleRoot: string
}

/**
 * The function that posts to URLs that callers chose. Separate from all others: it has no permission on lanes' queues and no
 * model key, so that a malicious receiver cannot reach either.
 */
export class WebhookSender extends Construct {
  readonly send: TaskFunction

  constructor(scope: Construct, id: string, { stage, webhooks, ...props }: WebhookSenderProps) {
    super(scope, id)
    this.send = new TaskFunction(this, 'Send', {
      stage,
      bundle: 'send-webhooks',
      bundleRoot: props.bundleRoot,
      description: 'Sends webhook deliveries',
      memoryMb: stage.api.memoryMb,
      timeoutSeconds: SEND_TIMEOUT_SECONDS,
      mayFollowItself: true,
      environment: {
        [ENV.stage]: stage.name,
        [ENV.tableName]: props.table.table.tableName,
        [ENV.payloadBucket]: props.payloads.bucket.bucketName,
        [ENV.webhookQueueUrl]: webhooks.queueUrl,
      },
    })
    grantAccess(this.send, 'send-webhooks', {
      stage,
      table: props.table,
      payloads: props.payloads,
      queues: [],
      deadLetters: [],
      webhooks,
      hasModels: false,
    })
    this.send.live.addEventSource(
      new SqsEventSource(webhooks, { batchSize: 10, maxConcurrency: 5, reportBatchItemFailures: true }),
    )
    acknowledge(this, {
      'Serverless-LambdaEventSourceMappingDestination':
        'The queue itself sends what fails to its dead-letter queue.',
    })
  }
}
