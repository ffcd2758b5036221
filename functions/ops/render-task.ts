/** The page of one task: what the local console shows of it, as far as a widget without scripts and without logs can. */
import type { Explanation } from '../core/application/operate/explain-task.ts'
import { clipEnd } from '../core/domain/clip.ts'
import { FIRST_ATTEMPTS } from '../core/domain/history.ts'
import type { KeptStep } from '../core/domain/step.ts'
import { isFinal, type Payload, type Task } from '../core/domain/task.ts'
import { traceIdOf } from '../core/domain/trace.ts'
import { type Html, html } from './html.ts'
import { buttons, costOf, iso, type RenderContext, runTimeOf, span, statusOf, table } from './render.ts'

export interface TaskView {
  readonly task: Task
  /** Undefined where it cannot be told. */
  readonly explanation: Pick<Explanation, 'message' | 'nextAt'> | undefined
  /** Its finished steps, oldest first. */
  readonly steps: readonly KeptStep[]
}

const SHOWN_CHARACTERS = 2_000
const SHOWN_STEPS = 50
/** A shorter wait is the time of the queue itself. */
const SHOWN_WAIT_MS = 50

const COLORS = { wait: '#868e96', runs: '#2f80ed', completed: '#2b9348', failed: '#e03131', step: '#9775fa' }

export function renderTask(context: RenderContext, view: TaskView): Html {
  const { task, explanation, steps } = view
  const { input, result, error, progress } = task
  const scale = scaleOf(context, view)
  return html`<h3>Task ${task.id}, ${task.type} ${statusOf(task)}</h3><p>${buttons(context, task)}</p>${
    progress && !isFinal(task.status) && progressHtml(context, progress)
  }${explanation && explanationHtml(explanation)}${error && errorHtml(context, task, error)}${
    result && html`<h3>Result</h3>${payloadHtml(context, task, result)}`
  }<h3>Input</h3>${payloadHtml(context, task, input)}${attemptsHtml(context, task, scale)}${
    steps.length > 0 && stepsHtml(steps, scale)
  }<h3>Facts</h3>${factsHtml(context, task)}<h3>Look further</h3>${commandsHtml(task)}`
}

const explanationHtml = ({ message, nextAt }: NonNullable<TaskView['explanation']>): Html =>
  html`<p>${clipEnd(message, SHOWN_CHARACTERS)}${nextAt !== undefined && html` Next at ${iso(nextAt)}.`}</p>`

const progressHtml = ({ showsPrompts }: RenderContext, { percent, message }: NonNullable<Task['progress']>) =>
  html`<div>${bar(0, percent, COLORS.runs)}${percent} %${showsPrompts && ` ${clipEnd(message, SHOWN_CHARACTERS)}`}</div>`

function errorHtml(
  { showsPrompts }: RenderContext,
  { status }: Task,
  { code, message }: NonNullable<Task['error']>,
): Html {
  const title = html`${!isFinal(status) && 'Last attempt: '}<code>${code}</code>`
  return html`<h3 style="color: ${COLORS.failed}">${title}</h3>${showsPrompts ? textHtml(message) : html`<p>${HIDDEN}</p>`}`
}

const HIDDEN = 'hidden on this stage'

function payloadHtml({ showsPrompts }: RenderContext, task: Task, payload: Payload): Html {
  if (task.erasedAt !== undefined) return html`<p>deleted on request at ${iso(task.erasedAt)}</p>`
  if (!showsPrompts) return html`<p>${HIDDEN}</p>`
  if (!('json' in payload))
    return html`<p>${number(payload.bytes)} bytes, in the bucket, which this widget may not read</p>`
  return textHtml(readable(JSON.parse(payload.json)))
}

/** JSON writes the line breaks of a text as two characters, so a text, and a prompt that is the whole input, is shown itself. */
function readable(value: unknown): string {
  if (typeof value === 'string') return value
  const { prompt, ...others } = (value ?? {}) as { readonly prompt?: unknown }
  return typeof prompt === 'string' && Object.keys(others).length === 0
    ? prompt
    : JSON.stringify(value, null, 2)
}

/** The beginning, with its line breaks, within the widget's width. */
function textHtml(text: string): Html {
  const shown = clipEnd(text, SHOWN_CHARACTERS)
  const more =
    text.length > SHOWN_CHARACTERS &&
    html`<p><i>The first ${number(shown.length)} of ${number(text.length)} characters</i></p>`
  return html`<div style="white-space: pre-wrap; overflow-wrap: anywhere">${shown}</div>${more}`
}

interface Scale {
  readonly from: number
  readonly to: number
}

/** One scale for attempts and steps, so that their bars can be compared. */
function scaleOf({ now }: RenderContext, { task, steps }: TaskView): Scale {
  const begins = [...task.history, ...steps].map(({ startedAt }) => startedAt)
  const ends = [...task.history, ...steps].map(({ endedAt }) => endedAt)
  const from = Math.min(beginOf(task), ...begins)
  return { from, to: Math.max(from + 1, isFinal(task.status) ? (task.finishedAt ?? 0) : now, ...ends) }
}

/** A planned task waits from its time on. */
const beginOf = ({ createdAt, runAt = 0, epoch }: Task): number =>
  Math.max(createdAt, epoch === 1 ? runAt : 0)

interface Line extends Scale {
  readonly name: string
  readonly outcome: string
  readonly provider?: string | undefined
  readonly color: string
}

function attemptsHtml(context: RenderContext, task: Task, scale: Scale): Html {
  const rows = linesOf(context, task).map(
    ({ name, outcome, provider, color, ...times }) =>
      html`<tr><td>${name}</td>${timeCells(times, scale, color)}<td>${outcome}</td><td>${provider}</td></tr>`,
  )
  const heads = ['Attempt', 'Began', 'Took', 'Time', 'Outcome', 'Provider']
  return html`<h3>Attempts: ${task.attempt} of ${task.maxAttempts}</h3>${table(heads, rows, 'None has begun.')}`
}

/** The kept attempts and the one that runs, with the times between them. */
function linesOf({ now }: RenderContext, task: Task): readonly Line[] {
  const { history, status, startedAt, epoch, attemptsOmitted = 0 } = task
  const nameOf = (of: { readonly epoch: number; readonly attempt: number }) =>
    `${epoch > 1 ? `epoch ${of.epoch}, ` : ''}attempt ${of.attempt}`
  const ended = history.map(
    (record): Line => ({
      name: nameOf(record),
      from: record.startedAt,
      to: record.endedAt,
      outcome: record.outcome,
      provider: record.provider,
      color: record.outcome === 'completed' ? COLORS.completed : COLORS.failed,
    }),
  )
  const running =
    status === 'PROCESSING' && startedAt !== undefined
      ? [{ name: nameOf(task), from: startedAt, to: now, outcome: 'runs', color: COLORS.runs }]
      : []
  const attempts: readonly Line[] = [...ended, ...running]
  const isWaiting = !isFinal(status) && running.length === 0
  const free = [beginOf(task), ...attempts.map(({ to }) => to)]
  return [...attempts, ...(isWaiting ? [undefined] : [])].flatMap((line, index) => {
    const name =
      attemptsOmitted > 0 && index === FIRST_ATTEMPTS ? `${attemptsOmitted} attempts, not kept` : 'waits'
    const between = { name, from: free[index] ?? now, to: line?.from ?? now, outcome: '', color: COLORS.wait }
    return [...(between.to - between.from > SHOWN_WAIT_MS ? [between] : []), ...(line ? [line] : [])]
  })
}

function stepsHtml(steps: readonly KeptStep[], scale: Scale): Html {
  const shown = steps.slice(-SHOWN_STEPS)
  const rows = shown.map((step) => {
    const times = { from: step.startedAt, to: step.endedAt }
    return html`<tr><td>${step.name}</td><td>${step.attempt}</td>${timeCells(times, scale, COLORS.step)}<td>${costOf(step)}</td></tr>`
  })
  const note = shown.length < steps.length && ` (the ${shown.length} latest of ${steps.length})`
  const heads = ['Step', 'Attempt', 'Began', 'Took', 'Time', 'Cost']
  return html`<h3>Finished steps, which a retry does not repeat${note}</h3>${table(heads, rows, '')}`
}

function timeCells({ from, to }: Scale, scale: Scale, color: string): Html {
  const share = (at: number) => ((at - scale.from) / (scale.to - scale.from)) * 100
  const left = Math.max(0, share(from))
  return html`<td>${iso(from)}</td><td>${span(to - from)}</td><td>${bar(left, Math.max(0.5, share(to) - left), color)}</td>`
}

/** Without a script, a bar is a box with a width. @param left, width percent. */
const bar = (left: number, width: number, color: string): Html =>
  html`<div style="width: 200px; height: 8px; margin: 4px 0; background: rgba(134, 142, 150, 0.25)"><div style="height: 8px; margin-left: ${left.toFixed(1)}%; width: ${Math.min(100 - left, width).toFixed(1)}%; background: ${color}"></div></div>`

function factsHtml(context: RenderContext, task: Task): Html {
  const { usage, parent, firing } = task
  const place = parent && parent.size > 1 ? `, task ${parent.index + 1} of ${parent.size}` : ''
  const facts: readonly (readonly [string, string | number | false | undefined])[] = [
    ['Tenant', context.hasTenants && task.tenant],
    ['Lane', `${task.lane}, priority ${task.priority}`],
    [
      'Model',
      `${task.model ?? '–'}${usage ? `, answered by ${usage.provider}${usage.model ? ` ${usage.model}` : ''}` : ''}`,
    ],
    [
      'Tokens',
      usage &&
        `${usage.inputTokens ?? 'unknown'} in, ${usage.outputTokens ?? 'unknown'} out${usage.finishReason ? `, ended by ${usage.finishReason}` : ''}`,
    ],
    ['Cost', costOf(task)],
    ['Most it may cost', task.maxCostMicroUsd !== undefined && usd(task.maxCostMicroUsd)],
    ['Submitted', iso(task.createdAt)],
    ['Runs at', task.runAt !== undefined && iso(task.runAt)],
    ['Expires', task.expiresAt !== undefined && iso(task.expiresAt)],
    ['Wanted by', task.deadlineAt !== undefined && iso(task.deadlineAt)],
    ['Started', task.startedAt !== undefined && iso(task.startedAt)],
    ['Finished', task.finishedAt !== undefined && iso(task.finishedAt)],
    ['Ran', task.startedAt !== undefined && runTimeOf(context, task)],
    ['Time limit of an attempt', span(task.timeoutMs)],
    ['Epoch', task.epoch > 1 && `${task.epoch}, after a retry by a user`],
    ['Concurrency key', task.concurrencyKey],
    ['Workflow', parent && `${parent.workflow}, step ${parent.node}${place}`],
    ['Schedule', firing && `${firing.schedule}, planned for ${iso(firing.plannedAt)}`],
    ['Tags', task.tags.join(', ')],
    ['Trace', traceIdOf(task)],
  ]
  return rowsHtml(facts.filter(([, value]) => value).map(([name, value]) => [name, String(value)]))
}

/** The function has no right to read logs, so the page names the commands that do. Ids of tasks and workflows are generated. */
function commandsHtml({ id, parent }: Task): Html {
  return rowsHtml(
    [
      ['Whole input and result', `npx taskrunner get ${id}`],
      ['Why it waits or how it ended', `npx taskrunner explain ${id}`],
      ['Its log, with stacks', `npx taskrunner logs --task ${id}`],
      ['The same in Logs Insights', `filter message.task_id = "${id}" | sort @timestamp asc`],
      ...(parent ? [['Its workflow', `npx taskrunner workflow show ${parent.workflow}`] as const] : []),
    ],
    // One click selects all of it.
    (command) => html`<code style="user-select: all">${command}</code>`,
  )
}

const rowsHtml = (
  rows: readonly (readonly [name: string, value: string])[],
  show: (value: string) => Html = (value) => html`${value}`,
): Html =>
  html`<table><tbody>${rows.map(
    ([name, value]) =>
      html`<tr><th style="width: 200px; text-align: left">${name}</th><td style="white-space: normal; overflow-wrap: anywhere">${show(value)}</td></tr>`,
  )}</tbody></table>`

const number = (value: number): string => value.toLocaleString('en-US')
const usd = (microUsd: number): string => `$${(microUsd / 1_000_000).toFixed(6)}`
