import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { type CleanedUp, cleanUp } from '../core/application/repair/clean-up.ts'
import { clock, log, openFiles, openPayloads, openSteps, openStore } from '../hosts/lambda.ts'

const dependencies = {
  store: openStore(),
  payloads: openPayloads(),
  steps: openSteps(),
  files: openFiles(),
  clock,
  log,
}

/** The daily timer's consumer: deletes what its retention is over for, and tells how much that was. */
export const handler = middy<unknown, CleanedUp>().handler(async (_event, context: Context) => {
  const done = await cleanUp(dependencies, clock.now() + context.getRemainingTimeInMillis() - 10_000)
  log('cleanup.finished', { ...done })
  return done
})
