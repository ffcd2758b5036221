import * as z from 'zod'
import type { ShownLimits } from '../../core/application/limits/change-limits.ts'
import type { OwnLimits } from '../../core/domain/limits.ts'
import { iso } from './time.ts'

const count = (most: number, text: string) => z.int().min(1).max(most).nullish().describe(text)
const usd = (text: string) => z.number().min(0).max(1_000_000_000).nullish().describe(text)

const fields = {
  open_tasks: count(5_000, 'Tasks that have not ended.'),
  submits_per_minute: count(60_000, 'Submits of a steady stream.'),
  burst: count(60_000, 'Submits that may come at once.'),
  payload_bytes: count(6_000_000, 'Bytes of an input.'),
  usd_per_day: usd('What models may cost in a UTC day, held for open tasks included.'),
  usd_per_month: usd('The same in a UTC month.'),
}

const shownNumber = z.number().nullable().describe('Null: no limit.')

export const limitsBody = z.strictObject(fields)

export const limitsSchema = z
  .object({
    tenant: z.string(),
    open_tasks: shownNumber,
    submits_per_minute: shownNumber,
    burst: shownNumber,
    payload_bytes: shownNumber,
    usd_per_day: shownNumber,
    usd_per_month: shownNumber,
    own: z.array(z.string()).describe('Which of them are the tenant’s own and not the stage’s.'),
    tasks_open: z.int().describe('Counted where open_tasks or a budget is set.'),
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
    submitsPerMinute: body.submits_per_minute,
    burst: body.burst,
    payloadBytes: body.payload_bytes,
    usdPerDay: body.usd_per_day,
    usdPerMonth: body.usd_per_month,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === 'number'))
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

export const toLimitsJson = ({ tenant, limits, own, openTasks, budget }: ShownLimits) => ({
  tenant,
  open_tasks: limits.openTasks ?? null,
  submits_per_minute: limits.submitsPerMinute ?? null,
  burst: limits.burst ?? null,
  payload_bytes: limits.payloadBytes ?? null,
  usd_per_day: limits.usdPerDay ?? null,
  usd_per_month: limits.usdPerMonth ?? null,
  own: own.map(snake),
  tasks_open: openTasks,
  budget: budget.map(({ limit, limitUsd, spentUsd, heldUsd, leftUsd, resetsAt }) => ({
    limit,
    limit_usd: limitUsd,
    spent_usd: spentUsd,
    held_usd: heldUsd,
    left_usd: leftUsd,
    resets_at: iso(resetsAt),
  })),
})
