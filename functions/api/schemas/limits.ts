import * as z from 'zod'
import type { ShownLimits } from '../../core/application/limits/change-limits.ts'
import type { OwnLimits } from '../../core/domain/limits.ts'
import { iso } from './time.ts'

const count = (most: number, text: string) => z.int().min(1).max(most).nullish().describe(text)
const usd = (text: string) => z.number().min(0).max(1_000_000_000).nullish().describe(text)

const fields = {
  open_tasks: count(5_000, 'Tasks that have not ended.'),
  queued_tasks: count(5_000, 'Open tasks whose first attempt has not begun.'),
  running_tasks: count(1_000, 'Tasks that run at the same time; further ones wait.'),
  schedules: count(1_000, 'Schedules.'),
  workflows: count(1_000, 'Workflows that have not ended.'),
  requests_per_minute: count(60_000, 'Requests per minute on average, without submits.'),
  request_burst: count(60_000, 'Requests that may arrive at the same time.'),
  submits_per_minute: count(60_000, 'Submits per minute on average; the same as for requests when left out.'),
  burst: count(60_000, 'Submits that may arrive at the same time.'),
  payload_bytes: count(6_000_000, 'Bytes of an input.'),
  usd_per_day: usd('Highest cost of models per UTC day, reservations of open tasks included.'),
  usd_per_month: usd('The same per UTC month.'),
}

const shownNumber = z.number().nullable().describe('Null: no limit.')

export const limitsBody = z.strictObject(fields)

export const limitsSchema = z
  .object({
    tenant: z.string(),
    open_tasks: shownNumber,
    queued_tasks: shownNumber,
    running_tasks: shownNumber,
    schedules: shownNumber,
    workflows: shownNumber,
    requests_per_minute: shownNumber,
    request_burst: shownNumber,
    submits_per_minute: shownNumber,
    burst: shownNumber,
    payload_bytes: shownNumber,
    usd_per_day: shownNumber,
    usd_per_month: shownNumber,
    own: z.array(z.string()).describe('Names of the limits that are set for this tenant.'),
    tasks_open: z.int().describe('Counted where open_tasks, queued_tasks or a budget is set.'),
    tasks_queued: z.int().describe('Counted where queued_tasks is set.'),
    budget: z.array(
      z.object({
        limit: z.enum(['usd_per_day', 'usd_per_month']),
        limit_usd: z.number(),
        spent_usd: z.number(),
        held_usd: z.number().describe('For tasks that have not ended.'),
        left_usd: z.number(),
        resets_at: z.iso.datetime(),
      }),
    ),
  })
  .meta({ id: 'Limits' })

export const toOwnLimits = (body: z.output<typeof limitsBody>): OwnLimits => {
  const given = {
    openTasks: body.open_tasks,
    queuedTasks: body.queued_tasks,
    runningTasks: body.running_tasks,
    schedules: body.schedules,
    workflows: body.workflows,
    requestsPerMinute: body.requests_per_minute,
    requestBurst: body.request_burst,
    submitsPerMinute: body.submits_per_minute,
    burst: body.burst,
    payloadBytes: body.payload_bytes,
    usdPerDay: body.usd_per_day,
    usdPerMonth: body.usd_per_month,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === 'number'))
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

export const toLimitsJson = ({ tenant, limits, own, openTasks, queuedTasks, budget }: ShownLimits) => ({
  tenant,
  open_tasks: limits.openTasks ?? null,
  queued_tasks: limits.queuedTasks ?? null,
  running_tasks: limits.runningTasks ?? null,
  schedules: limits.schedules ?? null,
  workflows: limits.workflows ?? null,
  requests_per_minute: limits.requestsPerMinute ?? null,
  request_burst: limits.requestBurst ?? null,
  submits_per_minute: limits.submitsPerMinute ?? null,
  burst: limits.burst ?? null,
  payload_bytes: limits.payloadBytes ?? null,
  usd_per_day: limits.usdPerDay ?? null,
  usd_per_month: limits.usdPerMonth ?? null,
  own: own.map(snake),
  tasks_open: openTasks,
  tasks_queued: queuedTasks,
  budget: budget.map(({ limit, limitUsd, spentUsd, heldUsd, leftUsd, resetsAt }) => ({
    limit,
    limit_usd: limitUsd,
    spent_usd: spentUsd,
    held_usd: heldUsd,
    left_usd: leftUsd,
    resets_at: iso(resetsAt),
  })),
})
