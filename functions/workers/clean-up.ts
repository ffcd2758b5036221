import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { type CleanedUp, cleanUp } from '../core/application/repair/clean-up.ts'
import { clock, log, openExpiredRows, openFiles, openPayloads, openSteps } from '../hosts/lambda.ts'

const dependencies = {
  rows: openExpiredRows(),
  payloads: openPayloads(),
  steps: openSteps(),
  files: openFiles(),
  clock,
  log,
}

/** How long after the last walk a timer wants the next; a call by hand walks at once. */
const everyMsOf = (event: unknown): number =>
  ((event as { readonly everyHours?: number } | null)?.everyHours ?? 0) * 3_600_000

/** The hourly timer's consumer: once a day deletes what its retention is over for, as many hours as it takes. */
export const handler = middy<unknown, CleanedUp>().handler(async (event, context: Context) => {
  const stopAt = clock.now() + context.getRemainingTimeInMillis() - 10_000
  const done = await cleanUp(dependencies, stopAt, everyMsOf(event))
  log('cleanup.finished', { ...done })
  return done
})
