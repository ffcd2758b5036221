/// <reference lib="dom" />
/** One task: its result or error, its attempts, its cost and its log. */
import type { LogEntry } from '../../cloudwatch/log-store.ts'
import {
  api,
  costText,
  durationText,
  FINAL,
  instantText,
  RETRYABLE,
  type Task,
  useData,
  useLive,
} from './client.ts'
import { timeText } from './dom.ts'
import { Age, Copy, durationOf, Failure, Json, Status } from './parts.tsx'
import { Result } from './result.tsx'
import { actOnOne } from './task-actions.tsx'
import { asCurl, asTest } from './task-copies.ts'
import { Waterfall } from './waterfall.tsx'

interface Explanation {
  readonly message: string
  readonly next_at: string | null
}

export function TaskPage() {
  const id = location.pathname.split('/').at(-1) ?? ''
  const { data, error, again } = useLive(
    async () => {
      const task = await api<Task>(`/tasks/${id}`)
      const explanation = FINAL.includes(task.status)
        ? undefined
        : await api<Explanation>(`/tasks/${id}/explain`).catch(() => undefined)
      return { task, explanation }
    },
    1_000,
    id,
  )
  const { data: logs } = useData<{ lines: readonly LogEntry[] }>(
    `logs?text=${encodeURIComponent(id)}&after=0`,
    2_000,
  )
  if (!data) return <Failure error={error} />
  const { task, explanation } = data
  const lines = logs?.lines ?? []
  const isFinal = FINAL.includes(task.status)
  const act = async (action: 'retry' | 'cancel') => {
    await actOnOne(action, task)
    again()
  }
  return (
    <article class="task">
      <header class="row">
        <h1>
          {task.type} <Status status={task.status} percent={task.progress?.percent} />
        </h1>
        <div class="row">
          {RETRYABLE.includes(task.status) && (
            <button type="button" class="primary" onClick={() => void act('retry')}>
              Retry
            </button>
          )}
          {!isFinal && (
            <button type="button" onClick={() => void act('cancel')}>
              Cancel
            </button>
          )}
          <a class="button" href={`/console/submit?from=${task.id}`}>
            {isFinal ? 'Retry with changes' : 'Submit a similar task'}
          </a>
          <Copy label="Copy as curl" text={asCurl(task)} />
          <Copy label="Copy as test" text={asTest(task)} />
        </div>
      </header>
      {task.progress && !isFinal && (
        <p class="progress">
          <progress max={100} value={task.progress.percent} /> {task.progress.message}
        </p>
      )}
      {explanation && (
        <p class="explain">
          {explanation.message} {explanation.next_at && <>Next at {instantText(explanation.next_at)}.</>}
        </p>
      )}
      {task.error && <ErrorCard error={task.error} stack={stackIn(lines)} isFinal={isFinal} />}
      {task.status === 'COMPLETED' && (
        <section class="card" aria-label="Result">
          <h2>Result</h2>
          <Result task={task} />
        </section>
      )}
      <section class="card" aria-label="Input">
        <h2>Input</h2>
        {task.prompt !== null ? <div class="text">{task.prompt}</div> : <Json value={task.input} />}
      </section>
      <section class="card" aria-label="Attempts">
        <h2>
          Attempts: {task.attempts} of {task.max_attempts}
        </h2>
        <Waterfall task={task} lines={lines} />
      </section>
      <Facts task={task} />
      <section class="card" aria-label="Log">
        <h2>
          Log{' '}
          <a class="small" href={`/console/logs?text=${task.id}`}>
            search
          </a>
        </h2>
        {lines.length === 0 ? (
          <p class="muted">No log line of this task is in memory.</p>
        ) : (
          <LogLines lines={lines} />
        )}
      </section>
    </article>
  )
}

const ErrorCard = ({
  error,
  stack,
  isFinal,
}: {
  error: NonNullable<Task['error']>
  stack: string | undefined
  isFinal: boolean
}) => (
  <section class="card error" aria-label="Error">
    <h2>
      {isFinal ? '' : 'Last attempt: '}
      <code>{error.code}</code>
    </h2>
    <p class="text">{error.message}</p>
    {stack && <pre class="stack">{stack}</pre>}
  </section>
)

function Facts({ task }: { task: Task }) {
  const facts: readonly (readonly [string, preact.ComponentChildren])[] = [
    ['Id', <code key="id">{task.id}</code>],
    ['Lane', `${task.lane}, priority ${task.priority}`],
    ['Model', task.model && `${task.model}${task.usage ? `, answered by ${task.usage.provider}` : ''}`],
    [
      'Tokens',
      task.usage &&
        `${task.usage.input_tokens} in, ${task.usage.output_tokens} out, ${costText(task.usage.cost_usd)}`,
    ],
    [
      'Submitted',
      <>
        {instantText(task.created_at)} (<Age time={task.created_at} />)
      </>,
    ],
    ['Runs at', task.run_at && instantText(task.run_at)],
    ['Expires', task.expires_at && instantText(task.expires_at)],
    ['Started', task.started_at && instantText(task.started_at)],
    ['Finished', task.finished_at && `${instantText(task.finished_at)}, ran ${durationOf(task)}`],
    ['Epoch', task.epoch > 1 && `${task.epoch}, after a retry by a user`],
    ['Tags', task.tags.join(', ')],
    ['Trace', task.trace_id && <code key="trace">{task.trace_id}</code>],
  ]
  return (
    <section class="card" aria-label="Facts">
      <h2>Facts</h2>
      <dl class="facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  )
}

/** Stack of the last error that the task's own code threw. */
const stackIn = (lines: readonly LogEntry[]): string | undefined => {
  const last = lines.findLast(
    ({ json }) => typeof (json?.message as { stack?: unknown } | undefined)?.stack === 'string',
  )
  return (last?.json?.message as { stack: string } | undefined)?.stack
}

const LogLines = ({ lines }: { lines: readonly LogEntry[] }) => (
  <ol class="lines">
    {lines.slice(-200).map(({ sequence, at, json, summary, isError }) => {
      const { event, message, call_ms } = (json?.message ?? {}) as Readonly<Record<string, unknown>>
      const isOwn = event === 'task.log'
      const text = isOwn
        ? String(message)
        : summary.replace(/ ?\b(task_id|trace_id|type|lane|epoch)=\S+/g, '')
      return (
        <li key={sequence} class={isError ? String(json?.level).toLowerCase() : isOwn ? 'own' : ''}>
          <time>{timeText(at)}</time>
          <span class="text">
            {text}
            {typeof call_ms === 'number' && ` (${durationText(call_ms)})`}
          </span>
        </li>
      )
    })}
  </ol>
)
