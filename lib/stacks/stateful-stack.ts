import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { LANES, type Lane } from '../../functions/contract.ts'
import { DeadLetterQueue } from '../constructs/dead-letter-queue.ts'
import { PayloadBucket } from '../constructs/payload-bucket.ts'
import { TaskTable } from '../constructs/task-table.ts'
import type { StageSettings } from '../stages/stage-schema.ts'

/**
 * Everything that holds data: the table, the payload bucket, the dead-letter queues. In its own stack, so that no change of
 * code or routes affects it. The lanes' queues are not included: every message in them can be sent again from its row.
 */
export class StatefulStack extends Stack {
  readonly table: TaskTable
  readonly payloads: PayloadBucket
  readonly deadLetters: Readonly<Record<Lane, sqs.Queue>>

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: StageSettings }) {
    super(scope, id, { ...props, terminationProtection: stage.protection.hasTerminationProtection })
    this.table = new TaskTable(this, 'Tasks', stage)
    this.payloads = new PayloadBucket(this, 'Payloads', stage)
    this.deadLetters = Object.fromEntries(
      LANES.map((lane) => [
        lane,
        new DeadLetterQueue(this, `dead-letters-${lane}`, { stage, source: lane }).queue,
      ]),
    ) as Record<Lane, sqs.Queue>
    for (const [lane, { queueArn }] of Object.entries(this.deadLetters))
      new CfnOutput(this, `${lane}DeadLettersArn`, {
        value: queueArn,
        description: `Dead letters of lane ${lane}; redrive them to the queue as a custom destination`,
      })
  }
}
