import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { ENV } from '../contract.ts'
import { sweep } from '../core/application/repair/sweep.ts'
import { fireSchedule } from '../core/application/schedule/fire-schedule.ts'
import type { TaskKey } from '../core/domain/task.ts'
import { openFollowUps } from '../hosts/follow-ups.ts'
import {
  clock,
  ids,
  log,
  openHealth,
  openLanes,
  openPayloads,
  openQueue,
  openSchedules,
  openStore,
  openWebhookQueue,
  openWebhooks,
  openWorkflowQueue,
  readConfig,
} from '../hosts/lambda.ts'
import { scheduleTimes } from '../hosts/schedules.ts'
import { openEndpointCheck } from '../hosts/webhooks.ts'

const queue = openQueue(true)
const health = openHealth()
const kicks = openWorkflowQueue()
const webhookQueue = openWebhookQueue()
const store = openStore()
const firing = {
  store,
  queue,
  payloads: openPayloads(),
  schedules: openSchedules(),
  times: scheduleTimes,
  clock,
  ids,
  log,
  hasEndpoints: openEndpointCheck(openWebhooks()),
}
const dependencies = {
  store,
  queue,
  followUps: openFollowUps(queue),
  dueItems: {
    workflow: (key: TaskKey) => kicks.kick(key),
    schedule: (key: TaskKey) => fireSchedule(firing, key),
    delivery: (key: TaskKey, dueAt: number) =>
      webhookQueue.kick(key, Math.max(0, Math.ceil((dueAt - clock.now()) / 1_000))),
  },
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
    // Only the deep health check reads it: no reason to fail a sweep that is done.
    await health.recordSweep(clock.now()).catch((cause) => log('sweep.unrecorded', { cause: String(cause) }))
    return counts
  },
)
