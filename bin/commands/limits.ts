import type { Json } from '../../lib/client/types.ts'
import { table } from '../cli/screen.ts'
import { type AddCommand, openSession } from '../cli/session.ts'
import { parseWholeNumber } from '../cli/values.ts'

type Limits = Json<'getLimits'>

export const addLimits: AddCommand = (program) => {
  const limits = program
    .command('limits')
    .description('show what a tenant may do and spend, and how much of it is used')
    .option('--tenant <name>', 'another tenant than your own; only for operators')
    .action(async ({ tenant }: { readonly tenant?: string }, command) => {
      const session = await openSession(command)
      const answer = await session.api.json('getLimits', { query: { tenant } })
      session.show(answer, () => limitsText(answer))
    })
  limits
    .command('set')
    .description("replace a tenant's limits; the stage's apply for those left out")
    .option('--tenant <name>', 'another tenant than your own; only for operators')
    .option('--open-tasks <n>', 'tasks that have not ended', parseWholeNumber)
    .option('--queued-tasks <n>', 'open tasks whose first attempt has not begun', parseWholeNumber)
    .option('--running-tasks <n>', 'tasks that run at the same time; further ones wait', parseWholeNumber)
    .option('--schedules <n>', 'schedules', parseWholeNumber)
    .option('--workflows <n>', 'workflows that have not ended', parseWholeNumber)
    .option('--requests-per-minute <n>', 'requests per minute on average, without submits', parseWholeNumber)
    .option('--request-burst <n>', 'requests that may arrive at the same time', parseWholeNumber)
    .option('--submits-per-minute <n>', 'submits per minute on average', parseWholeNumber)
    .option('--burst <n>', 'submits that may arrive at the same time', parseWholeNumber)
    .option('--payload-bytes <n>', 'bytes of an input', parseWholeNumber)
    .option('--usd-per-day <usd>', 'highest cost of models per UTC day', Number)
    .option('--usd-per-month <usd>', 'the same per UTC month', Number)
    .action(async (_options: object, command) => {
      const session = await openSession(command)
      const given = command.optsWithGlobals()
      const answer = await session.api.json('setLimits', {
        query: { tenant: given.tenant },
        body: Object.fromEntries(NAMES.map((name) => [name, given[camel(name)]])),
      })
      session.show(answer, () => limitsText(answer))
    })
}

const camel = (name: string) => name.replace(/_[a-z]/g, (part) => part.slice(1).toUpperCase())

const NAMES = [
  'open_tasks',
  'queued_tasks',
  'running_tasks',
  'schedules',
  'workflows',
  'requests_per_minute',
  'request_burst',
  'submits_per_minute',
  'burst',
  'payload_bytes',
  'usd_per_day',
  'usd_per_month',
] as const

export function limitsText(limits: Limits): string {
  const rows = NAMES.map((name) => {
    const use = limits.budget.find(({ limit }) => limit === name)
    const used = use
      ? `$${use.spent_usd} spent, $${use.held_usd} held, $${use.left_usd} left until ${use.resets_at}`
      : name === 'open_tasks' && limits[name] !== null
        ? `${limits.tasks_open} open`
        : name === 'queued_tasks' && limits[name] !== null
          ? `${limits.tasks_queued} wait to begin`
          : ''
    return [name, String(limits[name] ?? 'none'), limits.own.includes(name) ? 'own' : 'stage', used]
  })
  return `Tenant ${limits.tenant}\n${table(['LIMIT', 'VALUE', 'FROM', 'USED'], rows)}`
}
