import { Duration, Stack } from 'aws-cdk-lib'
import { ScheduleExpression } from 'aws-cdk-lib/aws-scheduler'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { ENV, type Lane } from '../../functions/contract.ts'
import { declaredSchedules } from '../stages/stage-schedules.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { FunctionTimer } from './function-timer.ts'
import { grantAccess } from './grant-access.ts'
import type { PayloadBucket } from './payload-bucket.ts'
import { TaskFunction } from './task-function.ts'
import type { TaskTable } from './task-table.ts'

export interface SweeperProps {
  readonly stage: StageSettings
  readonly table: TaskTable
  readonly payloads: PayloadBucket
  readonly queues: Readonly<Record<Lane, sqs.Queue>>
  readonly deadLetters: Readonly<Record<Lane, sqs.Queue>>
  readonly workflows: sqs.Queue
  /** Receives a message for each webhook delivery. */
  readonly webhooks: sqs.Queue
  readonly bundleRoot: string
}

/** The timer function that repairs overdue rows. An alarm watches that it runs. */
export class Sweeper extends Construct {
  readonly sweep: TaskFunction

  constructor(scope: Construct, id: string, { stage, ...props }: SweeperProps) {
    super(scope, id)
    this.sweep = new TaskFunction(this, 'Sweep', {
      stage,
      bundle: 'sweep',
      bundleRoot: props.bundleRoot,
      description: 'Repairs overdue tasks',
      memoryMb: stage.sweeper.memoryMb,
      timeoutSeconds: stage.sweeper.timeoutSeconds,
      environment: {
        [ENV.stage]: stage.name,
        [ENV.tableName]: props.table.table.tableName,
        [ENV.payloadBucket]: props.payloads.bucket.bucketName,
        [ENV.queueUrls]: queueUrls(this, props.queues),
        [ENV.workflowQueueUrl]: props.workflows.queueUrl,
        [ENV.webhookQueueUrl]: props.webhooks.queueUrl,
        [ENV.deadLetterQueueUrls]: queueUrls(this, props.deadLetters),
        [ENV.retentionDays]: String(stage.retentionDays),
        [ENV.stageSchedules]: JSON.stringify(declaredSchedules(stage)),
      },
    })
    grantAccess(this.sweep, 'sweep', {
      stage,
      table: props.table,
      payloads: props.payloads,
      queues: Object.values(props.queues),
      deadLetters: Object.values(props.deadLetters),
      workflows: props.workflows,
      webhooks: props.webhooks,
      hasModels: false,
    })
    new FunctionTimer(this, 'Timer', {
      target: this.sweep,
      schedule: ScheduleExpression.rate(Duration.minutes(stage.sweeper.everyMinutes)),
      description: 'Sweeps overdue tasks',
      events: Array.from({ length: stage.sweeper.parts }, (_, index) => ({
        part: { index, of: stage.sweeper.parts },
      })),
    })
  }
}

/** JSON object of lane → URL, as the functions read it. */
export const queueUrls = (scope: Construct, queues: Readonly<Record<Lane, sqs.Queue>>): string =>
  Stack.of(scope).toJsonString(
    Object.fromEntries(Object.entries(queues).map(([lane, queue]) => [lane, queue.queueUrl])),
  )
