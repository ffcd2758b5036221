import { Construct } from 'constructs'
import { ENV } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
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

/** A worker waits for the answer; the next call continues where this one stopped. */
const TIMEOUT_SECONDS = 130
/** One processor: a row needs about 2 ms of it, so a call of two minutes deletes about 50,000. */
const CLEANER_MB = 1_769

/**
 * The function that deletes tasks whose retention is over, with their payload objects. It has permissions on the whole table,
 * so it is separate from the workers: the task type `maintenance.cleanup` calls it.
 */
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
  }
}
