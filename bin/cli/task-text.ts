/** A task as text for people. */
import type { Task } from '../../lib/client/types.ts'
import {
  clip,
  costText,
  durationText,
  factLines,
  oneLine,
  type Paint,
  paintStatus,
  progressBarText,
  table,
  withoutControls,
} from './screen.ts'

/** A task's text in a list: its progress, its error, or its input. */
export function taskSummary({ status, progress, error, prompt, input }: Task): string {
  if (status === 'PROCESSING' && progress) return oneLine(`${progress.percent} % ${progress.message}`)
  if (error && status !== 'COMPLETED') return oneLine(`${error.code}: ${error.message}`)
  // Shortened also when the output is not a terminal, because `get` shows the whole text.
  return clip(oneLine(prompt ?? (input === null ? '' : JSON.stringify(input))), 120)
}

export function taskTable(
  tasks: readonly Task[],
  { now, paint, columns }: { now: number; paint: Paint; columns: number },
): string {
  return table(
    ['ID', 'STATUS', 'TYPE', 'LANE', 'TRIES', 'AGE', 'ABOUT'],
    tasks.map((task) => [
      task.id,
      paintStatus(paint, task.status),
      task.type,
      task.lane,
      `${task.attempts}/${task.max_attempts}`,
      durationText(now - Date.parse(task.created_at)),
      taskSummary(task),
    ]),
    { paint, columns },
  )
}

export const resultText = ({ result }: Task): string =>
  typeof result === 'string' ? result : JSON.stringify(result, null, 2)

export function taskDetail(task: Task, { now, paint }: { now: number; paint: Paint }): string {
  const { usage, progress, error } = task
  const ran =
    task.started_at && task.finished_at
      ? ` (ran ${durationText(Date.parse(task.finished_at) - Date.parse(task.started_at))})`
      : ''
  const model = task.model && `${task.model}${usage ? ` (answered by ${usage.provider})` : ''}`
  const lines = factLines(
    [
      ['lane', `${task.lane}, priority ${task.priority}`],
      ['model', model ?? undefined],
      [
        'attempts',
        `${task.attempts} of ${task.max_attempts}${task.epoch > 1 ? `, epoch ${task.epoch}` : ''}`,
      ],
      ['created', `${task.created_at} (${durationText(now - Date.parse(task.created_at))} ago)`],
      ['runs at', task.run_at ?? undefined],
      ['likely', likely(task, now)],
      ['expires', task.expires_at ?? undefined],
      ['started', task.started_at ?? undefined],
      ['finished', task.finished_at ? `${task.finished_at}${ran}` : undefined],
      ['progress', progress ? `${progress.percent} % ${oneLine(progress.message)}` : undefined],
      [
        'tokens',
        usage
          ? `${usage.input_tokens ?? 'unknown'} in, ${usage.output_tokens ?? 'unknown'} out, ${costText(usage.cost_usd)}${usage.is_truncated ? ', cut at a limit of tokens' : ''}${usage.shared_with ? `, shared with ${usage.shared_with}` : ''}`
          : undefined,
      ],
      ['tags', task.tags.length > 0 ? oneLine(task.tags.join(', ')) : undefined],
      ['input', task.input === null ? undefined : oneLine(task.prompt ?? JSON.stringify(task.input))],
      ['error', error ? paint('red', oneLine(`${error.code}: ${error.message}`)) : undefined],
    ],
    paint,
  )
  const head = `${paint('bold', task.id)}  ${paintStatus(paint, task.status)}  ${task.type}`
  const result = task.status === 'COMPLETED' ? `\n\n${withoutControls(resultText(task))}` : ''
  return `${head}\n${lines}${result}`
}

const HELD: Readonly<Record<string, string>> = {
  paused: 'its lane is paused',
  circuit: 'calls of its model are paused, for they keep failing',
  key: 'another task of its concurrency_key comes first',
  limit: 'as many tasks of its tenant run as may at once',
}

/** Text about a waiting task: its position, and when it will start. */
function likely({ queue, estimated_cost_usd }: Task, now: number): string | undefined {
  if (!queue) return undefined
  const { position, estimated_start: start, estimated_finish: finish } = queue
  const inTime = (time: string) => durationText(Math.max(0, Date.parse(time) - now))
  const between = (band: { earliest: string; latest: string }) =>
    `in ${inTime(band.earliest)} to ${inTime(band.latest)}`
  return [
    position === null ? undefined : `about ${position} before it`,
    start ? `starts ${between(start)}` : (HELD[queue.gate] ?? 'it is not known when it starts'),
    finish ? `ends ${between(finish)}` : undefined,
    // Omitted for a model without cost, such as the simulated one.
    estimated_cost_usd && estimated_cost_usd.high > 0
      ? `costs ${costText(estimated_cost_usd.low)} to ${costText(estimated_cost_usd.high)}`
      : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(', ')
}

/** One line about a running task, the same on a terminal and in a log. */
export function progressLine(
  task: Task,
  { now, columns, since }: { now: number; columns: number; since?: number | undefined },
): string {
  const age = durationText(now - (since ?? Date.parse(task.created_at)))
  const { progress, status } = task
  const text =
    status === 'PROCESSING' && progress
      ? `${status} ${progressBarText(progress.percent)} ${progress.percent} % ${oneLine(progress.message)}`
      : [
          status,
          status === 'RETRYING' && task.error ? oneLine(`after ${task.error.code}`) : '',
          likely(task, now) ?? '',
        ]
          .filter(Boolean)
          .join(' ')
  return clip(`${text}  ${age}`, columns)
}
