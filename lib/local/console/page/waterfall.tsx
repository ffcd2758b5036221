/// <reference lib="dom" />
/** A task's time as bars: waits, attempts, and the provider calls in them. */
import type { LogEntry } from '../../cloudwatch/log-store.ts'
import { durationText, FINAL, type Task } from './client.ts'

interface Bar {
  readonly name: string
  readonly kind: 'wait' | 'attempt' | 'call' | 'step' | 'bad'
  readonly from: number
  readonly to: number
  readonly note: string
}

export function Waterfall({ task, lines }: { task: Task; lines: readonly LogEntry[] }) {
  const bars = barsOf(task, lines)
  const [first] = bars
  if (!first) return <p class="muted">No attempt has started.</p>
  const from = Math.min(...bars.map((bar) => bar.from))
  const to = Math.max(...bars.map((bar) => bar.to), from + 1)
  const share = (at: number) => ((at - from) / (to - from)) * 100
  return (
    <ol class="waterfall">
      {bars.map(({ name, kind, note, ...bar }) => (
        <li key={`${kind} ${name} ${bar.from}`} data-kind={kind}>
          <span class="name">{name}</span>
          <span class="track" aria-hidden="true">
            <span
              style={{
                left: `${share(bar.from)}%`,
                width: `${Math.max(0.4, share(bar.to) - share(bar.from))}%`,
              }}
            />
          </span>
          <span class="note">
            {durationText(bar.to - bar.from)}
            {note && `, ${note}`}
          </span>
        </li>
      ))}
    </ol>
  )
}

function barsOf(task: Task, lines: readonly LogEntry[]): readonly Bar[] {
  const bars: Bar[] = []
  let free = Math.max(
    Date.parse(task.created_at),
    task.run_at && task.epoch === 1 ? Date.parse(task.run_at) : 0,
  )
  const wait = (until: number) => {
    if (until - free > 50) bars.push({ name: 'waits', kind: 'wait', from: free, to: until, note: '' })
  }
  for (const { epoch, attempt, started_at, ended_at, outcome, provider } of task.history) {
    const from = Date.parse(started_at)
    const to = Date.parse(ended_at)
    wait(from)
    const isGood = outcome === 'completed'
    const name = `${task.epoch > 1 ? `epoch ${epoch}, ` : ''}attempt ${attempt}`
    bars.push({
      name,
      kind: isGood ? 'attempt' : 'bad',
      from,
      to,
      note: [outcome, provider].filter(Boolean).join(', '),
    })
    bars.push(...stepsIn(task, from, to), ...callsIn(lines, from, to))
    free = to
  }
  const now = Date.now()
  const isRunning = task.status === 'PROCESSING' && task.started_at
  const from = isRunning ? Date.parse(task.started_at ?? '') : now
  if (isRunning) {
    wait(from)
    bars.push({ name: `attempt ${task.attempts}`, kind: 'attempt', from, to: now, note: 'running' })
    bars.push(...stepsIn(task, from, now), ...callsIn(lines, from, now))
  } else if (!FINAL.includes(task.status)) wait(now)
  return bars
}

/** Checkpoints stored between two times. */
const stepsIn = ({ steps = [] }: Task, from: number, to: number): Bar[] =>
  steps
    .map(({ name, started_at, seconds }) => {
      const at = Date.parse(started_at)
      return { name, from: at, to: at + seconds * 1_000 }
    })
    .filter((step) => step.from >= from - 50 && step.from <= to)
    .map((step) => ({ ...step, kind: 'step', note: 'checkpoint' }))

/** Model calls between two times, from the workers' log lines. */
function callsIn(lines: readonly LogEntry[], from: number, to: number): Bar[] {
  return lines.flatMap(({ json, at }): Bar[] => {
    const fields = (json?.message ?? {}) as Readonly<Record<string, unknown>>
    if (at < from - 50 || at > to + 200) return []
    if (fields.event === 'model.answered' || fields.event === 'model.failed') {
      const isBad = fields.event === 'model.failed'
      const note = isBad ? String(fields.code) : `${fields.input_tokens} + ${fields.output_tokens} tokens`
      return [
        {
          name: `${fields.provider}`,
          kind: isBad ? 'bad' : 'call',
          from: at - Number(fields.call_ms),
          to: at,
          note,
        },
      ]
    }
    return []
  })
}
