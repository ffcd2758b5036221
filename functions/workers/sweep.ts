import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { ENV } from '../contract.ts'
import { sweep } from '../core/application/repair/sweep.ts'
import { openFollowUps } from '../hosts/follow-ups.ts'
import { clock, log, openLanes, openQueue, openStore, readConfig } from '../hosts/lambda.ts'

const queue = openQueue(true)
const dependencies = {
  store: openStore(),
  queue,
  followUps: openFollowUps(queue),
  dueItems: {},
  lanes: openLanes(),
  clock,
  log,
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
}

/** The timer consumer: once a minute, repairs whatever is overdue. */
export const handler = middy<unknown, Awaited<ReturnType<typeof sweep>>>().handler(
  async (_event, context: Context) => {
    const counts = await sweep(dependencies, clock.now() + context.getRemainingTimeInMillis() - 5_000)
    log('sweep.finished', counts)
    return counts
  },
)
