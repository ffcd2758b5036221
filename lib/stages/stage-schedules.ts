import { Cron } from 'croner'
import * as z from 'zod'
import { LANES, type Lane, URGENT_PRIORITY } from '../../functions/contract.ts'
import { nearestText } from '../../functions/core/domain/nearest-name.ts'
import manifest from '../../functions/tasks/manifest.gen.json' with { type: 'json' }

/** Lambda's environment has 4 kB; queues, table and bucket take about half of it. */
const MAX_BYTES = 2_000

const isTimeZone = (name: string): boolean =>
  Intl.supportedValuesOf('timeZone').includes(name) || name === 'UTC'

const timeZone = z.string().refine(isTimeZone, 'must be an IANA time zone, e.g. Europe/Berlin')

/** What is wrong with a cron expression; undefined when it has a next time. */
function wrongCron(expression: string): string | undefined {
  const count = expression.trim().split(/\s+/).length
  if (count < 5 || count > 6) return `must have five fields, or six with the second first, not ${count}`
  try {
    return new Cron(expression, { paused: true, timezone: 'UTC' }).nextRun() ? undefined : 'never comes'
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, '')
  }
}

const scheduleSchema = z
  .strictObject({
    /** Five fields, or six with seconds first; names, `L`, `#` and `W` are allowed. */
    cron: z
      .string()
      .superRefine((text, context) => {
        const wrong = wrongCron(text)
        if (wrong) context.addIssue({ code: 'custom', message: `"${text}" is not valid: ${wrong}` })
      })
      .optional(),
    timeZone: timeZone.optional(),
    everySeconds: z.int().min(1).max(31_622_400).optional(),
    /** What a firing does when the previous one still runs. */
    overlap: z.enum(['skip', 'allow', 'cancel_running']).default('skip'),
    /** What happens to firings whose planned time passed during an outage. */
    missed: z.enum(['skip', 'run_once', 'run_all']).default('skip'),
    jitterSeconds: z.number().min(0).max(3_600).default(0),
    task: z.strictObject({
      type: z.string(),
      /** `{{scheduled_time}}` in it is replaced by the planned time. */
      input: z.unknown().default({}),
      model: z.string().min(1).optional(),
      priority: z.int().min(0).max(10).default(0),
      tags: z.array(z.string().min(1).max(64)).max(20).default([]),
    }),
  })
  .superRefine((schedule, context) => {
    const refuse = (message: string, ...path: (string | number)[]) =>
      context.addIssue({ code: 'custom', path, message })
    if ((schedule.cron === undefined) === (schedule.everySeconds === undefined))
      refuse('must be given, or everySeconds, and not both', 'cron')
    if (schedule.timeZone !== undefined && schedule.cron === undefined)
      refuse('goes with cron only', 'timeZone')
    const type = manifest.find(({ name }) => name === schedule.task.type)
    if (!type) {
      const names = manifest.map(({ name }) => name)
      refuse(
        `"${schedule.task.type}" is not a task type.${nearestText(schedule.task.type, names)} Known: ${names.join(', ')}.`,
        'task',
        'type',
      )
      return
    }
    if (schedule.task.model !== undefined && !type.usesModel)
      refuse(`does not go with "${type.name}": it calls no model`, 'task', 'model')
    const input = z.fromJSONSchema(type.input as never).safeParse(schedule.task.input)
    for (const { path, message } of input.error?.issues ?? [])
      refuse(message, 'task', 'input', ...path.map(String))
  })

/** Tasks that the stage itself submits, by the name of each schedule. */
export const schedulesSchema = z
  .record(
    z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower case letters, digits and "-"'),
    scheduleSchema,
  )
  .default({})
  .superRefine((schedules, context) => {
    const bytes = Buffer.byteLength(JSON.stringify(schedules))
    if (bytes > MAX_BYTES)
      context.addIssue({
        code: 'custom',
        message: `have ${bytes} bytes together, and at most ${MAX_BYTES} fit into the sweeper's environment; make the others over the API`,
      })
  })

export type StageSchedules = z.output<typeof schedulesSchema>

interface Declaring {
  readonly schedules: StageSchedules
  readonly cleanup: { readonly hour: number; readonly timeZone: string }
  readonly models: { readonly defaultModel: string }
}

/** Every stage has a cleanup, whether its file names it or not. A run missed in an outage is run later. */
const cleanupOf = ({ hour, timeZone: zone }: Declaring['cleanup']): StageSchedules[string] => ({
  cron: `0 ${hour} * * *`,
  timeZone: zone,
  overlap: 'skip',
  missed: 'run_once',
  jitterSeconds: 0,
  task: { type: 'maintenance.cleanup', input: {}, priority: 0, tags: [] },
})

/** The schedules as the sweeper reads them, each with the submission for its firings. */
export function declaredSchedules({
  schedules,
  cleanup,
  models: { defaultModel },
}: Declaring): readonly unknown[] {
  return Object.entries({ cleanup: cleanupOf(cleanup), ...schedules }).map(
    ([name, { cron, timeZone: zone, everySeconds, task, ...rules }]) => {
      const type = manifest.find((one) => one.name === task.type)
      const lane = (LANES as readonly string[]).includes(type?.lane ?? '') ? (type?.lane as Lane) : LANES[0]
      return {
        name,
        timing:
          cron === undefined
            ? // Counted from the beginning of 1970, so that a deploy moves no firing.
              { kind: 'rate', everyMs: (everySeconds ?? 0) * 1_000, anchor: 0 }
            : { kind: 'cron', expression: cron, timezone: zone ?? 'UTC' },
        overlap: rules.overlap,
        missed: rules.missed,
        jitterMs: rules.jitterSeconds * 1_000,
        task,
        submission: {
          type: task.type,
          lane: task.priority >= URGENT_PRIORITY ? 'urgent' : lane,
          model: type?.usesModel ? (task.model ?? defaultModel) : null,
          priority: task.priority,
          maxAttempts: type?.maxAttempts ?? 1,
          timeoutMs: type?.timeoutMs ?? 1,
          tags: task.tags,
        },
      }
    },
  )
}
