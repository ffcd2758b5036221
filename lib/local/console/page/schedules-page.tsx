/// <reference lib="dom" />
/** The schedules in words, with their next times and their actions. */
import { api, instantText, useLive } from './client.ts'
import { durationText } from './dom.ts'
import { Failure, openDialog, showMessage } from './parts.tsx'

interface Schedule {
  readonly id: string
  readonly name: string
  readonly in_words: string
  readonly overlap: string
  readonly missed: string
  readonly jitter_seconds: number
  readonly paused: boolean
  readonly source: 'api' | 'stage'
  readonly next_times: readonly string[]
  readonly fired: number
  readonly missed_count: number
  readonly last_planned_at: string | null
  readonly last_task_id: string | null
  readonly last_refused: {
    readonly planned_at: string
    readonly code: string
    readonly message: string
  } | null
  readonly task: unknown
}

export function SchedulesPage() {
  const { data, error, again } = useLive(
    () => api<{ schedules: readonly Schedule[]; next_cursor: string | null }>('/schedules?limit=100'),
    3_000,
  )
  return (
    <>
      <h1>Schedules</h1>
      <Failure error={error} />
      {data?.schedules.length === 0 && (
        <p class="empty">
          No schedule. Create one:{' '}
          <code>npx taskrunner schedules create --cron "0 9 * * MON-FRI" --prompt "…"</code>
        </p>
      )}
      <div class="lanes">
        {data?.schedules.map((one) => (
          <ScheduleCard key={one.id} schedule={one} again={again} />
        ))}
      </div>
      {data?.next_cursor && <p class="muted">The first 100 are shown.</p>}
    </>
  )
}

function ScheduleCard({ schedule, again }: { schedule: Schedule; again: () => void }) {
  const { id, name, paused, source, next_times: next } = schedule
  const act = async (work: Promise<unknown>, words: string) => {
    await work.then(
      () => showMessage(words),
      (cause: Error) => showMessage(cause.message, true),
    )
    again()
  }
  const remove = async () => {
    const isSure = await openDialog({
      title: `Delete ${name}?`,
      body: <p>It submits no more tasks. Earlier tasks stay.</p>,
      action: 'Delete the schedule',
      isDangerous: true,
    })
    if (isSure) await act(api(`/schedules/${id}`, undefined, 'DELETE'), `${name} is deleted.`)
  }
  const isStage = source === 'stage'
  return (
    <section class="card" aria-label={`Schedule ${name}`}>
      <h2>
        {name} {paused && <span class="badge">paused</span>}
        {isStage && <span class="badge">from the stage’s file</span>}
      </h2>
      <p>{schedule.in_words}</p>
      {next[0] && <p class="muted">Next in {durationText(Date.parse(next[0]) - Date.now())}:</p>}
      <ol class="times">
        {next.map((time) => (
          <li key={time}>
            <time dateTime={time}>{instantText(time)}</time>
          </li>
        ))}
      </ol>
      {next.length === 0 && (
        <p class="muted">{paused ? 'Fires when it is resumed.' : 'Does not fire again.'}</p>
      )}
      <p class="muted">
        Fired {schedule.fired.toLocaleString('en')} times
        {schedule.missed_count > 0 && `, ${schedule.missed_count} missed`}
        {schedule.last_planned_at && `, last for ${instantText(schedule.last_planned_at)}`}
        {schedule.last_task_id && !isStage && (
          <>
            , <a href={`/console/tasks/${schedule.last_task_id}`}>its task</a>
          </>
        )}
        . Overlap {schedule.overlap.replace('_', ' ')}, missed {schedule.missed.replace('_', ' ')}
        {schedule.jitter_seconds > 0 && `, jitter ${schedule.jitter_seconds} s`}.
      </p>
      {schedule.last_refused && (
        <p class="why" title={schedule.last_refused.message}>
          The firing at {instantText(schedule.last_refused.planned_at)} created no task:{' '}
          {schedule.last_refused.code}.
        </p>
      )}
      <details>
        <summary class="muted">What it runs</summary>
        <pre>{JSON.stringify(schedule.task, undefined, 2)}</pre>
      </details>
      <div class="row">
        {isStage && <p class="muted">To change it, edit the stage’s file and deploy.</p>}
        {!isStage && (
          <button
            type="button"
            onClick={() => void act(api(`/schedules/${id}/run`, {}), 'A task is submitted.')}
          >
            Run now
          </button>
        )}
        {!isStage && (
          <button
            type="button"
            onClick={() =>
              void act(
                api(`/schedules/${id}/${paused ? 'resume' : 'pause'}`, {}),
                `${name} ${paused ? 'fires again' : 'is paused'}.`,
              )
            }
          >
            {paused ? 'Resume' : 'Pause'}
          </button>
        )}
        {!isStage && (
          <button type="button" onClick={() => void remove()}>
            Delete …
          </button>
        )}
      </div>
    </section>
  )
}
