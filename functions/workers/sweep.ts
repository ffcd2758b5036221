import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { ENV, OPEN_TENANT } from '../contract.ts'
import { type SweepCounts, sweep } from '../core/application/repair/sweep.ts'
import { declareSchedules } from '../core/application/schedule/declare-schedules.ts'
import { fireSchedule } from '../core/application/schedule/fire-schedule.ts'
import { causeFields } from '../core/domain/errors.ts'
import type { TaskKey } from '../core/domain/task.ts'
import type { DuePart } from '../core/ports/due-index.ts'
import { openFollowUpSteps } from '../hosts/follow-ups.ts'
import {
  clock,
  ids,
  log,
  openDeadLetters,
  openDepths,
  openDueIndex,
  openHealth,
  openLanes,
  openPayloads,
  openSchedules,
  openSender,
  openSteps,
  openStore,
  openWatermarks,
  openWebhookQueue,
  openWebhooks,
  openWorkflowQueue,
  readConfig,
} from '../hosts/lambda.ts'
import { openAdmission } from '../hosts/limits.ts'
import { scheduleTimes } from '../hosts/schedules.ts'
import { openEndpointCheck } from '../hosts/webhooks.ts'

const queue = openSender()
const deadLetters = openDeadLetters()
const health = openHealth()
const wakeQueue = openWorkflowQueue()
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
  admission: openAdmission(),
  isTallied: true as const,
  followUps: openFollowUpSteps(deadLetters),
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
}
/** The sweeper acts ahead of time, so its messages are delayed until the due time. */
const secondsTo = (dueAt: number): number => Math.max(0, Math.ceil((dueAt - clock.now()) / 1_000))
const dependencies = {
  store,
  steps: openSteps(),
  dueIndex: openDueIndex(),
  watermarks: openWatermarks(),
  queue,
  depths: openDepths(),
  deadLetters,
  followUps: openFollowUpSteps(deadLetters),
  dueItems: {
    workflow: (key: TaskKey, dueAt: number) => wakeQueue.wake(key, secondsTo(dueAt)),
    schedule: (key: TaskKey) => fireSchedule(firing, key),
    delivery: (key: TaskKey, dueAt: number) => webhookQueue.wake(key, secondsTo(dueAt)),
  },
  lanes: openLanes(),
  clock,
  log,
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
}

const declared = readConfig([ENV.stageSchedules]).STAGE_SCHEDULES.map((one) => ({
  ...one,
  submission: { ...one.submission, input: one.task.input ?? {} },
}))
let isDeclared = false

/** Once per environment, because a deploy creates new ones; after a failure, again in the next sweep. */
async function declareOnce(): Promise<void> {
  if (isDeclared) return
  await declareSchedules(firing, OPEN_TENANT, declared).then(
    () => {
      isDeclared = true
    },
    (error) => log('sweep.failed', { item: 'declared schedules', ...causeFields(error) }),
  )
}

/** The part of the due index that the timer's event names; all of it for a call by hand. */
const toPart = (event: unknown): DuePart => {
  const { index = 0, of = 1 } = (event as { readonly part?: Partial<DuePart> } | null)?.part ?? {}
  return { index, of }
}

/** Called by timers once a minute, several concurrently; repairs every overdue row. */
export const handler = middy<unknown, SweepCounts>().handler(async (event, context: Context) => {
  const part = toPart(event)
  // Only one of the concurrent sweepers does it.
  if (part.index === 0) await declareOnce()
  const counts = await sweep(dependencies, clock.now() + context.getRemainingTimeInMillis() - 5_000, part)
  log('sweep.finished', { ...counts, part: part.index })
  // Only the deep health check reads it, so a failure must not fail a finished sweep.
  await health.recordSweep(clock.now()).catch((cause) => log('sweep.unrecorded', { cause: String(cause) }))
  return counts
})
