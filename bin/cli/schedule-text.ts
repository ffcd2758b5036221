/** A schedule as text for people. */
import type { Json } from '../../lib/client/types.ts'
import { durationText, factLines, oneLine, type Paint, table } from './screen.ts'

export type Schedule = Json<'getSchedule'>

export const scheduleTable = (schedules: readonly Schedule[], now: number, paint: Paint): string =>
  schedules.length === 0
    ? 'No schedules.'
    : table(
        ['ID', 'NAME', 'NEXT', 'FIRED', 'WHEN'],
        schedules.map((schedule) => [
          schedule.id,
          oneLine(schedule.name),
          nextOf(schedule, now),
          String(schedule.fired),
          oneLine(schedule.in_words),
        ]),
        { paint },
      )

function nextOf({ paused, next_times: [next] }: Schedule, now: number): string {
  if (paused) return 'paused'
  return next === undefined ? 'never again' : `in ${durationText(Date.parse(next) - now)}`
}

export function scheduleText(schedule: Schedule, now: number, paint: Paint): string {
  const { next_times: next, source } = schedule
  const lines = factLines(
    [
      ['when', oneLine(schedule.in_words)],
      ['next', next.length > 0 ? next.join('\n') : undefined],
      [
        'rules',
        `overlap ${schedule.overlap}, missed ${schedule.missed}${schedule.jitter_seconds > 0 ? `, jitter ${schedule.jitter_seconds} s` : ''}`,
      ],
      [
        'fired',
        `${schedule.fired} times${schedule.missed_count > 0 ? `, ${schedule.missed_count} passed by` : ''}`,
      ],
      ['last task', schedule.last_task_id ?? undefined],
      [
        'refused',
        schedule.last_refused
          ? `the firing of ${schedule.last_refused.planned_at}: ${oneLine(`${schedule.last_refused.code}, ${schedule.last_refused.message}`)}`
          : undefined,
      ],
      ['start', schedule.start_at ?? undefined],
      ['end', schedule.end_at ?? undefined],
      ['runs', oneLine(JSON.stringify(schedule.task))],
      ['from', source === 'stage' ? 'the stage file: change it there and deploy' : undefined],
    ],
    paint,
  )
  return `${paint('bold', schedule.id)}  ${oneLine(schedule.name)}  ${holdOf(schedule, now)}\n${lines}`
}

/** What prevents the next firing. */
function holdOf(schedule: Schedule, now: number): string {
  if (schedule.paused) return `paused; goes on with: npx taskrunner schedules resume ${schedule.id}`
  const [next] = schedule.next_times
  return next === undefined
    ? 'has no time left and fires never again'
    : `fires in ${durationText(Date.parse(next) - now)}${schedule.start_at && Date.parse(schedule.start_at) > now ? ', not before its start' : ''}`
}

/** What prevents the next firing, and the outcome of the last one. */
export function scheduleReasons(
  schedule: Schedule,
  last: Pick<Json<'getTask'>, 'id' | 'status' | 'error'> | undefined,
  now: number,
): readonly string[] {
  const [next] = schedule.next_times
  const reasons: string[] = []
  if (schedule.paused)
    reasons.push(
      `It is paused: nothing fires until "npx taskrunner schedules resume ${schedule.id}", and times that pass are not made up for.`,
    )
  else if (next === undefined) reasons.push('No time is left: it fires never again.')
  else reasons.push(`It fires next at ${next}, in ${durationText(Date.parse(next) - now)}.`)
  if (last) {
    const why = last.error ? ` (${oneLine(`${last.error.code}: ${last.error.message}`)})` : ''
    reasons.push(`Its last task, ${last.id}, is ${last.status}${why}.`)
    const isOpen = ['PENDING', 'PROCESSING', 'RETRYING'].includes(last.status)
    if (isOpen && next !== undefined && schedule.overlap !== 'allow')
      reasons.push(
        schedule.overlap === 'skip'
          ? 'If that still runs then, the next firing is skipped (overlap skip).'
          : 'If that still runs then, it is cancelled (overlap cancel_running).',
      )
  }
  if (schedule.last_refused)
    reasons.push(
      `The firing of ${schedule.last_refused.planned_at} made no task: ${oneLine(`${schedule.last_refused.code}, ${schedule.last_refused.message}`)}`,
    )
  if (schedule.missed_count > 0)
    reasons.push(
      `${schedule.missed_count} planned times passed without a task, by outages or limits (missed ${schedule.missed}).`,
    )
  return reasons
}
