import { Duration } from 'aws-cdk-lib'
import * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'
import { DeadLetterQueue, queueNameOf } from './dead-letter-queue.ts'

export interface WakeQueueProps {
  readonly stage: StageSettings
  readonly source: 'workflows' | 'webhooks'
  /** Timeout of the consuming function. */
  readonly timeoutSeconds: number
}

/**
 * A queue whose messages name workflows with possible next steps, or webhook deliveries to send. A lost message only
 * causes a delay: the row is also due, and the sweeper sends another message.
 */
export class WakeQueue extends Construct {
  readonly queue: sqs.Queue

  constructor(scope: Construct, id: string, { stage, source, timeoutSeconds }: WakeQueueProps) {
    super(scope, id)
    const deadLetters = new DeadLetterQueue(this, 'dead-letters', { stage, source })
    this.queue = new sqs.Queue(this, 'Queue', {
      queueName: queueNameOf(stage, source),
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(4),
      // Six times the function's timeout, as AWS recommends.
      visibilityTimeout: Duration.seconds(6 * timeoutSeconds),
      deadLetterQueue: { queue: deadLetters.queue, maxReceiveCount: 100 },
    })
  }
}
