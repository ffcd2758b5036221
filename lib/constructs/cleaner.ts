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

/** Lambda's longest: a scan reads about 10 GB in it, and the next hour goes on where this one stopped. */
const TIMEOUT_SECONDS = 900
/** One processor: a row costs about 2 ms of it, so a run of 15 minutes deletes some 400,000. */
const CLEANER_MB = 1_769

/** The function that once a day deletes tasks whose retention is over, with their payload objects. */
export class Cleaner extends Construct {
  readonly cleanUp: TaskFunction

  constructor(scope: Construct, id: string, { stage, table, payloads, bundleRoot }: CleanerProps) {
    super(scope, id)
    this.cleanUp = new TaskFunction(this, 'CleanUp', {
      stage,
      bundle: 'clean-up',
      bundleRoot,
      description: 'Deletes tasks whose retention is over',
      memoryMb: CLEANER_MB,
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
      // Every hour from then on: an hour whose walk is done costs one read.
      schedule: ScheduleExpression.cron({
        hour: `${hour}-23`,
        minute: '0',
        timeZone: TimeZone.of(timeZone),
      }),
      description: 'Deletes old tasks',
      // A little less than a day: a walk that began late must not put the next one off by a day.
      events: [{ everyHours: 20 }],
    })
  }
}
