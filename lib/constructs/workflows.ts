import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { ENV, type Lane } from '../../functions/contract.ts'
import { modelRoutes } from '../stages/model-routes.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'
import { grantAccess } from './grant-access.ts'
import type { PayloadBucket } from './payload-bucket.ts'
import { queueUrls } from './sweeper.ts'
import { TaskFunction } from './task-function.ts'
import type { TaskTable } from './task-table.ts'

export interface WorkflowsProps {
  readonly stage: StageSettings
  readonly table: TaskTable
  readonly payloads: PayloadBucket
  readonly queues: Readonly<Record<Lane, sqs.Queue>>
  readonly webhooks: sqs.Queue
  readonly bundleRoot: string
}

export const ADVANCE_TIMEOUT_SECONDS = 300

/**
 * The function that makes the next steps of workflows. Separate from the lanes: only this function may send to all of them,
 * and a paused lane does not stop workflows in other lanes.
 */
export class WorkflowAdvancer extends Construct {
  readonly advance: TaskFunction

  constructor(
    scope: Construct,
    id: string,
    { stage, workflows, ...props }: WorkflowsProps & { readonly workflows: sqs.Queue },
  ) {
    super(scope, id)
    this.advance = new TaskFunction(this, 'Advance', {
      stage,
      bundle: 'advance-workflow',
      bundleRoot: props.bundleRoot,
      description: 'Makes the next steps of workflows',
      memoryMb: stage.api.memoryMb,
      timeoutSeconds: ADVANCE_TIMEOUT_SECONDS,
      mayFollowItself: true,
      environment: {
        [ENV.stage]: stage.name,
        [ENV.tableName]: props.table.table.tableName,
        [ENV.payloadBucket]: props.payloads.bucket.bucketName,
        [ENV.queueUrls]: queueUrls(this, props.queues),
        [ENV.workflowQueueUrl]: workflows.queueUrl,
        [ENV.webhookQueueUrl]: props.webhooks.queueUrl,
        [ENV.modelRoutes]: JSON.stringify(modelRoutes(stage)),
        [ENV.defaultModel]: stage.models.defaultModel,
        [ENV.retentionDays]: String(stage.retentionDays),
      },
    })
    grantAccess(this.advance, 'advance-workflow', {
      stage,
      table: props.table,
      payloads: props.payloads,
      queues: Object.values(props.queues),
      deadLetters: [],
      workflows,
      webhooks: props.webhooks,
      hasModels: false,
    })
    this.advance.live.addEventSource(
      new SqsEventSource(workflows, { batchSize: 5, maxConcurrency: 10, reportBatchItemFailures: true }),
    )
    acknowledge(this, {
      'Serverless-LambdaEventSourceMappingDestination':
        'The queue itself sends what fails to its dead-letter queue.',
    })
  }
}
