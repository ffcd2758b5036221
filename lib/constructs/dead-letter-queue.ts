import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { Lane } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'

/**
 * Physical name of a queue. Queues are the only resources with a physical name: the dead-letter queue in the stateful stack must
 * name its only source, and the source needs the dead-letter queue to exist first.
 */
export const queueNameOf = (stage: StageSettings, source: Lane | 'workflows' | 'webhooks'): string =>
  `TaskRunner-${stage.name}-${source}`

/** Lists a lane's failed tasks until they are redriven, for at most the 14 days of SQS. */
export class DeadLetterQueue extends Construct {
  readonly queue: sqs.Queue

  constructor(
    scope: Construct,
    id: string,
    { stage, source }: { stage: StageSettings; source: Lane | 'workflows' | 'webhooks' },
  ) {
    super(scope, id)
    const sourceArn = Stack.of(this).formatArn({ service: 'sqs', resource: queueNameOf(stage, source) })
    this.queue = new sqs.Queue(this, 'Queue', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      redriveAllowPolicy: {
        redrivePermission: sqs.RedrivePermission.BY_QUEUE,
        sourceQueues: [sqs.Queue.fromQueueArn(this, 'Source', sourceArn)],
      },
      removalPolicy: stage.protection.isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    const reason = 'It is the end of the line: a lane’s queue redrives into it.'
    acknowledge(this, { 'AwsSolutions-SQS3': reason, 'Serverless-SQSRedrivePolicy': reason })
  }
}
