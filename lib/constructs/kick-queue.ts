import { Duration } from 'aws-cdk-lib'
import * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'
import { DeadLetterQueue, queueNameOf } from './dead-letter-queue.ts'

export interface KickQueueProps {
  readonly stage: StageSettings
  readonly source: 'workflows' | 'webhooks'
  /** Of the function that takes its messages. */
  readonly timeoutSeconds: number
}

/**
 * A queue whose messages ask for the next steps of a workflow, or for a webhook delivery to be sent. A message that is
 * lost or hidden costs time alone: what it asks for is also due in its row, and the sweeper asks anew.
 */
export class KickQueue extends Construct {
  readonly queue: sqs.Queue

  constructor(scope: Construct, id: string, { stage, source, timeoutSeconds }: KickQueueProps) {
    super(scope, id)
    const deadLetters = new DeadLetterQueue(this, 'dead-letters', { stage, source })
    this.queue = new sqs.Queue(this, 'Queue', {
      queueName: queueNameOf(stage, source),
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(4),
      // Six times the function's time-out, as AWS asks.
      visibilityTimeout: Duration.seconds(6 * timeoutSeconds),
      deadLetterQueue: { queue: deadLetters.queue, maxReceiveCount: 100 },
    })
  }
}
