import {
  haveEqualFields,
  nextPlanned,
  type Schedule,
  type ScheduleTimes,
  type Timing,
} from '../../domain/schedule.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ScheduleStore } from '../../ports/schedule-store.ts'
import type { ScheduledSubmission } from './fire-schedule.ts'

/** A schedule in the stage's file, validated at synth. */
export interface DeclaredSchedule {
  readonly name: string
  readonly timing: Timing
  readonly overlap: Schedule['overlap']
  readonly missed: Schedule['missed']
  readonly jitterMs: number
  /** The body of POST /tasks, as in the stage's file. */
  readonly task: Readonly<Record<string, unknown>>
  readonly submission: ScheduledSubmission
}

interface Dependencies {
  readonly schedules: ScheduleStore
  readonly times: ScheduleTimes
  readonly clock: Clock
  readonly log: Log
}

const PAGE = 100
/** No id created by the API begins with this, so that a stage's schedule never has the id of a caller's. */
const PREFIX = 'stage-'

export const declaredId = (name: string): string => `${PREFIX}${name}`
export const isDeclaredId = (id: string): boolean => id.startsWith(PREFIX)

/**
 * Makes the rows of a stage's schedules equal to its file: creates new ones, replaces changed ones, deletes removed ones. An
 * unchanged one keeps its next time, so that a deploy neither delays a firing nor fires twice. Two runs at once do the same,
 * and each write is conditional on the version that was read.
 */
export async function declareSchedules(
  { schedules, times, clock, log }: Dependencies,
  tenant: string,
  declared: readonly DeclaredSchedule[],
): Promise<void> {
  const known = new Map<string, Schedule>()
  let cursor: string | undefined
  do {
    const page = await schedules.list(tenant, PAGE, cursor)
    for (const row of page.schedules) if (row.source === 'stage') known.set(row.id, row)
    cursor = page.cursor
  } while (cursor !== undefined)

  const now = clock.now()
  for (const one of declared) {
    const id = declaredId(one.name)
    const seen = known.get(id)
    known.delete(id)
    const wanted = {
      name: one.name,
      timing: one.timing,
      overlap: one.overlap,
      missed: one.missed,
      jitterMs: one.jitterMs,
      task: JSON.stringify(one.task),
      submission: JSON.stringify(one.submission),
    }
    if (seen && haveEqualFields(FIELDS, seen, wanted)) continue
    const nextAt = nextPlanned(times, wanted, now)
    const next = nextAt === undefined ? {} : { nextAt }
    if (seen) {
      const { nextAt: _next, ...rest } = seen
      await schedules.replace(seen, { ...rest, ...wanted, ...next })
    } else
      await schedules.create({
        tenant,
        id,
        ...wanted,
        ...next,
        isPaused: false,
        source: 'stage',
        createdAt: now,
        updatedAt: now,
        fired: 0,
        missedCount: 0,
        version: 1,
      })
    log('schedule.declared', { tenant, schedule_id: id })
  }
  for (const gone of known.values()) {
    await schedules.remove(gone)
    log('schedule.withdrawn', { tenant, schedule_id: gone.id })
  }
}

const FIELDS = ['name', 'timing', 'overlap', 'missed', 'jitterMs', 'task', 'submission'] as const
