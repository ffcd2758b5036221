import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { cleanUp } from '../core/application/repair/clean-up.ts'
import type { CleanedUp } from '../core/ports/upkeep.ts'
import { clock, log, openExpiredRowStore, openFiles, openPayloads, openSteps } from '../hosts/lambda.ts'

const dependencies = {
  rows: openExpiredRowStore(),
  payloads: openPayloads(),
  steps: openSteps(),
  files: openFiles(),
  clock,
  log,
}

/** Called by the task type `maintenance.cleanup`, repeatedly until it is complete. */
export const handler = middy<unknown, CleanedUp>().handler(async (_event, context: Context) => {
  const done = await cleanUp(dependencies, clock.now() + context.getRemainingTimeInMillis() - 10_000)
  log('cleanup.finished', { ...done })
  return done
})
