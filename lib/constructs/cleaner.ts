import { TimeZone } from 'aws-cdk-lib'
import { ScheduleExpression } from 'aws-cdk-lib/aws-scheduler'
import { Construct } from 'constructs'
import { ENV } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { FunctionTimer } from './function-timer.ts'
import { grantAccess } from './grant-access.ts'
import type { PayloadBucket } from './payload-bucket.ts'
import { TaskFunction } from './task-function.ts'
import type { TaskTable } from './task-table.ts'

export interface CleanerProps {
  readonly stage: StageSettings
  readonly table: TaskTable
  readonly payloads: PayloadBucket
  readonly bundleRoot: string
}

/** Lambda's longest: a scan reads about 10 GB in it, and the next day goes on where this one stopped. */
const TIMEOUT_SECONDS = 900

/** The daily function that deletes tasks whose retention is over, with their payload objects. */
export class Cleaner extends Construct {
  readonly cleanUp: TaskFunction

  constructor(scope: Construct, id: string, { stage, table, payloads, bundleRoot }: CleanerProps) {
    super(scope, id)
    this.cleanUp = new TaskFunction(this, 'CleanUp', {
      stage,
      bundle: 'clean-up',
      bundleRoot,
      description: 'Deletes tasks whose retention is over',
      memoryMb: 256,
      timeoutSeconds: TIMEOUT_SECONDS,
      environment: {
        [ENV.stage]: stage.name,
        [ENV.tableName]: table.table.tableName,
        [ENV.payloadBucket]: payloads.bucket.bucketName,
      },
    })
    grantAccess(this.cleanUp, 'clean-up', {
      stage,
      table,
      payloads,
      queues: [],
      deadLetters: [],
      hasModels: false,
    })
    const { hour, timeZone } = stage.cleanup
    new FunctionTimer(this, 'Timer', {
      target: this.cleanUp,
      schedule: ScheduleExpression.cron({ hour: String(hour), minute: '0', timeZone: TimeZone.of(timeZone) }),
      description: 'Deletes old tasks',
    })
  }
}
