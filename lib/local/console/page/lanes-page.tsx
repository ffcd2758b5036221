/// <reference lib="dom" />
/** The lanes and their actions. Empty lanes are collapsed. */
import { api, durationText, useLive } from './client.ts'
import { load } from './load.ts'
import { Failure } from './parts.tsx'
import { redrive, switchLane } from './task-actions.tsx'

interface Lane {
  readonly lane: string
  readonly visible: number
  readonly dead_letters: number
  readonly oldest_due_age_seconds: number | null
  readonly is_paused: boolean
}

type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>

export function LanesPage() {
  const { data, error, again } = useLive(async () => {
    const [{ queues }, { lanes }] = await Promise.all([
      api<{ queues: readonly Lane[] }>('/queues'),
      load<{ lanes: Counts }>('facets'),
    ])
    return queues.map((queue) => ({ ...queue, counts: lanes[queue.lane] ?? {} }))
  }, 3_000)
  if (!data) return <Failure error={error} />
  const isEmpty = ({ counts, dead_letters, is_paused, visible }: (typeof data)[number]) =>
    visible + dead_letters === 0 && !is_paused && Object.values(counts).every((count) => count === 0)
  const used = data.filter((lane) => !isEmpty(lane))
  const empty = data.filter(isEmpty)
  return (
    <>
      <h1>Lanes</h1>
      <Failure error={error} />
      <div class="lanes">
        {used.map((lane) => (
          <LaneCard key={lane.lane} lane={lane} again={again} />
        ))}
      </div>
      {empty.length > 0 && (
        <details class="card" open={used.length === 0}>
          <summary>
            {empty.length} empty: {empty.map(({ lane }) => lane).join(', ')}
          </summary>
          <div class="lanes">
            {empty.map((lane) => (
              <LaneCard key={lane.lane} lane={lane} again={again} />
            ))}
          </div>
        </details>
      )}
    </>
  )
}

function LaneCard({
  lane,
  again,
}: {
  lane: Lane & { counts: Readonly<Record<string, number>> }
  again: () => void
}) {
  const { counts } = lane
  const failed = counts.FAILED ?? 0
  const actAndReload = async (act: () => Promise<void>) => {
    await act()
    again()
  }
  const number = (label: string, value: number, status: string, isBad = false) => (
    <a class={`tile small${isBad ? ' bad' : ''}`} href={`/console/tasks?lane=${lane.lane}&status=${status}`}>
      <b>{value.toLocaleString('en')}</b>
      <span>{label}</span>
    </a>
  )
  return (
    <section class="card lane" aria-label={`Lane ${lane.lane}`}>
      <h2>
        {lane.lane} {lane.is_paused && <span class="badge">paused</span>}
      </h2>
      <div class="tiles">
        {number('waiting', counts.PENDING ?? 0, 'PENDING')}
        {number('running', counts.PROCESSING ?? 0, 'PROCESSING')}
        {number('retrying', counts.RETRYING ?? 0, 'RETRYING')}
        {number('scheduled', counts.SCHEDULED ?? 0, 'SCHEDULED')}
        {number('failed', failed, 'FAILED', failed > 0)}
      </div>
      <p class="muted">
        {lane.dead_letters} {lane.dead_letters === 1 ? 'dead letter' : 'dead letters'}
        {lane.oldest_due_age_seconds !== null &&
          `; the oldest task has waited ${durationText(lane.oldest_due_age_seconds * 1_000)}`}
      </p>
      <div class="row">
        <button type="button" onClick={() => void actAndReload(() => switchLane(lane.lane, lane.is_paused))}>
          {lane.is_paused ? 'Resume' : 'Pause'}
        </button>
        <button
          type="button"
          disabled={failed + lane.dead_letters === 0}
          onClick={() => void actAndReload(() => redrive(lane.lane))}
        >
          {failed > 0 ? `Redrive ${failed} …` : 'Redrive …'}
        </button>
      </div>
    </section>
  )
}
