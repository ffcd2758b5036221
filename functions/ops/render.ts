import { LANES } from '../contract.ts'
import type { LaneStatus } from '../core/application/operate/list-queues.ts'
import { clipEnd } from '../core/domain/clip.ts'
import { isFinal, RETRYABLE_STATUSES, STATUSES, type Status, type Task } from '../core/domain/task.ts'
import { actionElement, button, type Html, html } from './html.ts'

/** The function that the buttons call, and what may be shown. */
export interface RenderContext {
  readonly viewArn: string
  readonly actionArn: string
  readonly showsPrompts: boolean
  /** False on a stage with a single tenant, whose name is then not shown. */
  readonly hasTenants: boolean
  readonly now: number
}

export interface Search {
  readonly tenant: string
  readonly status?: string | undefined
  readonly type?: string | undefined
  readonly tag?: string | undefined
  readonly lane?: string | undefined
  /** Submitted within the last minutes. */
  readonly minutes?: string | undefined
}

/** By minutes. */
export const SPANS: Readonly<Record<string, string>> = {
  '15': 'last 15 min',
  '60': 'last hour',
  '1440': 'last day',
  '10080': 'last week',
}

export const table = (heads: readonly string[], rows: readonly Html[], empty: string): Html =>
  rows.length === 0
    ? html`<p><i>${empty}</i></p>`
    : html`<table><thead><tr>${heads.map((head) => html`<th>${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`

export const noteHtml = (text: string): Html => html`<p>${text}</p>`

export function renderQueues(context: RenderContext, tenant: string, lanes: readonly LaneStatus[]): Html {
  const rows = lanes.map(
    ({ lane, visible, inFlight, delayed, deadLetters, oldestMs, pausedSince, slots }) => {
      const act = (parameters: Readonly<Record<string, unknown>>, confirmation?: string) => ({
        endpoint: context.actionArn,
        display: 'popup' as const,
        parameters: { lane, tenant, ...parameters },
        ...(confirmation ? { confirmation } : {}),
      })
      const isPaused = pausedSince !== undefined
      return html`<tr><td><b>${lane}</b>${isPaused && html` (paused)`}</td><td>${
        isPaused
          ? button(`Resume ${lane}`, act({ action: 'resume' }, `Let lane ${lane} take work again?`))
          : button(
              `Pause ${lane}`,
              act({ action: 'pause' }, `Stop lane ${lane} from taking work? What runs goes on.`),
            )
      } ${button('Count failed', act({ action: 'redrive', dry_run: true }, `Count the failed tasks of lane ${lane}? Nothing is moved.`))} ${button(
        `Redrive ${deadLetters > 0 ? 'all failed' : ''}`.trim(),
        act(
          { action: 'redrive', dry_run: false },
          `Run all failed tasks of lane ${lane}${context.hasTenants ? ` of tenant ${tenant}` : ''} again, whatever their error? ${deadLetters} dead letters${context.hasTenants ? ' of all tenants' : ''} are there. “Count failed” shows them by error.`,
        ),
      )}</td><td>${visible}</td><td>${inFlight}</td><td>${delayed}</td><td>${deadLetters}</td><td>${slots.paid === 0 ? '–' : `${slots.used} of ${slots.paid}`}</td><td>${oldestMs === undefined ? '–' : span(oldestMs)}</td></tr>`
    },
  )
  const heads = [
    'Lane',
    'Do',
    'Waiting',
    'Running or parked',
    'Delayed',
    'Dead letters',
    'Slots used',
    'Oldest waits',
  ]
  return html`<h3>Lanes</h3>${table(heads, rows, 'There are no lanes.')}`
}

export function renderTasks(
  context: RenderContext,
  title: string,
  tasks: readonly Task[],
  empty: string,
): Html {
  const rows = tasks.map(
    (task) =>
      html`<tr><td>${link(context, task)}</td><td>${buttons(context, task)}</td><td>${statusOf(task)}</td><td>${aboutOf(context, task)}</td><td>${task.type}</td><td>${task.lane}</td><td>${task.model ?? '–'}</td><td>${progressOf(context, task)}</td><td>${task.attempt}/${task.maxAttempts}</td><td>${runTimeOf(context, task)}</td><td>${costOf(task)}</td><td>${ago(context.now, task.createdAt)}</td><td>${reasonOf(context, task)}</td></tr>`,
  )
  const heads = [
    ...['Task', 'Do', 'Status', 'About', 'Type', 'Lane', 'Model', 'Progress', 'Attempts', 'Ran', 'Cost'],
    ...['Submitted', 'Reason'],
  ]
  return html`<h3>${title}</h3>${table(heads, rows, empty)}`
}

/**
 * The search form; CloudWatch sends its fields with any action of the widget. No field is named `id`: sanitizers
 * drop names that would hide a property of the form.
 */
export function renderSearch(context: RenderContext, search: Search): Html {
  const input = (name: string, label: string, value: string | undefined, size: number) =>
    html`<label>${label} <input name="${name}" value="${value}" size="${size}"></label> `
  const choice = (name: string, label: string, values: Readonly<Record<string, string>>, chosen = '') => {
    const options = Object.entries(values).map(
      ([value, shown]) =>
        html`<option value="${value}"${value === chosen && html` selected`}>${shown}</option>`,
    )
    return html`<label>${label} <select name="${name}"><option value="">any</option>${options}</select></label> `
  }
  const same = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]))
  const find = button('Search', {
    endpoint: context.viewArn,
    display: 'widget',
    parameters: { view: 'search', tenant: search.tenant },
  })
  const back = button('Overview', {
    endpoint: context.viewArn,
    display: 'widget',
    parameters: { view: 'overview', tenant: search.tenant },
  })
  return html`<form>${context.hasTenants ? input('tenant', 'Tenant', search.tenant, 14) : html``}${input('task_id', 'Id', '', 28)}${choice('status', 'Status', same(STATUSES), search.status)}${choice('lane', 'Lane', same(LANES), search.lane)}${choice('minutes', 'Submitted', SPANS, search.minutes)}${input('type', 'Type', search.type, 14)}${input('tag', 'Tag', search.tag, 10)}${find} ${back}</form>`
}

const link = (context: RenderContext, { tenant, id }: Task): Html =>
  html`<a>${id}</a>${actionElement({ endpoint: context.viewArn, display: 'widget', parameters: { view: 'task', tenant, id } })}`

export function buttons(context: RenderContext, { tenant, id, status }: Task): Html {
  const act = (action: string, confirmation: string) => ({
    endpoint: context.actionArn,
    display: 'popup' as const,
    parameters: { action, tenant, id },
    confirmation,
  })
  if (!isFinal(status)) return button('Cancel', act('cancel', `Cancel task ${id}? No result will land.`))
  return (RETRYABLE_STATUSES as readonly string[]).includes(status)
    ? button('Retry', act('retry', `Run task ${id} again, from its first attempt?`))
    : html``
}

/** Progress messages may contain parts of an answer, and errors text of a model or of the author's code: hidden like prompts. */
const progressOf = ({ showsPrompts }: RenderContext, { status, progress }: Task): string => {
  if (status === 'COMPLETED') return '100 %'
  if (!progress) return '–'
  return showsPrompts ? `${progress.percent} % ${inCell(progress.message)}` : `${progress.percent} %`
}
const reasonOf = ({ showsPrompts }: RenderContext, { error, status }: Task): string => {
  if (!error) return ''
  const reason = showsPrompts ? `${error.code}: ${inCell(error.message)}` : error.code
  return isFinal(status) ? reason : `last attempt: ${reason}`
}
/** A message may have 10,000 characters, and a list 75 tasks. */
const inCell = (text: string): string => clipEnd(text, 160)

/** The beginning of the input. */
function aboutOf({ showsPrompts }: RenderContext, { input }: Task): string {
  if (!showsPrompts || !('json' in input)) return '–'
  const { prompt } = (JSON.parse(input.json) ?? {}) as { prompt?: unknown }
  return clipEnd(typeof prompt === 'string' ? prompt : input.json, 60)
}

/** Readable on white and on black, with a symbol for readers who do not see colours. */
const STATUS_STYLES: Readonly<Record<Status, readonly [mark: string, color: string]>> = {
  SCHEDULED: ['◷', '#868e96'],
  PENDING: ['○', '#868e96'],
  PROCESSING: ['◐', '#2f80ed'],
  RETRYING: ['↻', '#c99700'],
  COMPLETED: ['✔', '#2b9348'],
  FAILED: ['✖', '#e03131'],
  CANCELLED: ['⊘', '#c99700'],
  EXPIRED: ['◌', '#c99700'],
}
export const statusOf = ({ status }: Task): Html => {
  const [mark, color] = STATUS_STYLES[status]
  return html`<span style="color: ${color}; white-space: nowrap">${mark} ${status}</span>`
}
export const runTimeOf = ({ now }: RenderContext, { startedAt, finishedAt }: Task): string =>
  startedAt === undefined ? '–' : span((finishedAt ?? now) - startedAt)
export const costOf = ({ usage }: Pick<Task, 'usage'>): string =>
  typeof usage?.costMicroUsd === 'number' ? `$${(usage.costMicroUsd / 1_000_000).toFixed(6)}` : '–'
export const iso = (at: number | undefined): string => (at === undefined ? '–' : new Date(at).toISOString())
const ago = (now: number, at: number): string => `${span(now - at)} ago`

export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3_600)} h`
}
