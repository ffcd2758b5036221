import { Duration, Stack } from 'aws-cdk-lib'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { ENV, type Lane as LaneName } from '../../functions/contract.ts'
import { modelEnvironment, modelRoutes } from '../stages/model-routes.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'
import type { Cleaner } from './cleaner.ts'
import { queueNameOf } from './dead-letter-queue.ts'
import { grantAccess, parameterPrefix } from './grant-access.ts'
import { checkLane, laneNeeds } from './lane-needs.ts'
import type { PayloadBucket } from './payload-bucket.ts'
import { TaskFunction } from './task-function.ts'
import type { TaskTable } from './task-table.ts'

export interface LaneProps {
  readonly stage: StageSettings
  readonly lane: LaneName
  readonly table: TaskTable
  readonly payloads: PayloadBucket
  readonly deadLetters: sqs.Queue
  /** Receives a message when a task of a workflow ends. */
  readonly workflows: sqs.Queue
  /** Receives a message for each webhook delivery. */
  readonly webhooks: sqs.Queue
  readonly cleaner: Cleaner
  readonly bundleRoot: string
}

/**
 * One lane: a queue, the worker function that consumes it, and the event source between them.
 *
 * A standard queue; tenants share it fairly by message group. The event source limits concurrency and not the function, because
 * throttling a function would count as receives of healthy messages. It reports failures of single messages, and uses the
 * alias, so that it follows the alias to a new version.
 */
export class Lane extends Construct {
  readonly queue: sqs.Queue
  readonly worker: TaskFunction
  readonly eventSourceId: string

  constructor(scope: Construct, id: string, { stage, lane, ...props }: LaneProps) {
    super(scope, id)
    const settings = stage.lanes[lane]
    const hasMail = laneNeeds(lane, 'mail')
    const cleanUp = laneNeeds(lane, 'upkeep') ? { cleanUpArn: props.cleaner.cleanUp.live.functionArn } : {}
    checkLane(stage, lane)
    this.queue = new sqs.Queue(this, 'Queue', {
      queueName: queueNameOf(stage, lane),
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(4),
      visibilityTimeout: Duration.seconds(settings.visibilitySeconds),
      deadLetterQueue: { queue: props.deadLetters, maxReceiveCount: settings.maxReceiveCount },
    })
    const urls = (queue: sqs.Queue) => Stack.of(this).toJsonString({ [lane]: queue.queueUrl })
    this.worker = new TaskFunction(this, 'Worker', {
      stage,
      bundle: 'run-task',
      bundleRoot: props.bundleRoot,
      description: `Runs the tasks of lane ${lane}`,
      memoryMb: settings.memoryMb,
      timeoutSeconds: settings.timeoutSeconds,
      mayFollowItself: true,
      environment: {
        [ENV.stage]: stage.name,
        [ENV.tableName]: props.table.table.tableName,
        [ENV.payloadBucket]: props.payloads.bucket.bucketName,
        [ENV.queueUrls]: urls(this.queue),
        [ENV.deadLetterQueueUrls]: urls(props.deadLetters),
        [ENV.workflowQueueUrl]: props.workflows.queueUrl,
        [ENV.webhookQueueUrl]: props.webhooks.queueUrl,
        [ENV.lane]: lane,
        [ENV.slots]: String(settings.batchSize),
        [ENV.modelRoutes]: JSON.stringify(modelRoutes(stage)),
        [ENV.defaultModel]: stage.models.defaultModel,
        [ENV.retentionDays]: String(stage.retentionDays),
        [ENV.parameterPrefix]: parameterPrefix(stage),
        ...modelEnvironment(stage),
        ...(hasMail && stage.mail ? { [ENV.mailFrom]: stage.mail.from } : {}),
        ...(cleanUp.cleanUpArn ? { [ENV.cleanUpFunction]: cleanUp.cleanUpArn } : {}),
      },
    })
    grantAccess(this.worker, 'run-task', {
      stage,
      table: props.table,
      payloads: props.payloads,
      queues: [this.queue],
      deadLetters: [props.deadLetters],
      workflows: props.workflows,
      webhooks: props.webhooks,
      hasModels: settings.hasModels,
      hasMail,
      ...cleanUp,
    })
    const window = settings.batchingWindowSeconds
    const source = new SqsEventSource(this.queue, {
      batchSize: settings.batchSize,
      ...(window > 0 ? { maxBatchingWindow: Duration.seconds(window) } : {}),
      maxConcurrency: settings.maxConcurrency,
      reportBatchItemFailures: true,
    })
    this.worker.live.addEventSource(source)
    this.eventSourceId = source.eventSourceMappingId
    acknowledge(this, {
      'Serverless-LambdaEventSourceMappingDestination':
        'The queue itself sends what fails to its dead-letter queue.',
    })
  }
}
