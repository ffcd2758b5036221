import type { LaneStatus } from '../core/application/operate/list-queues.ts'
import { isFinal, RETRYABLE_STATUSES, STATUSES, type Task } from '../core/domain/task.ts'
import { traceIdOf } from '../core/domain/trace.ts'
import { button, call, type Html, html } from './html.ts'

/** Whom the buttons call, and what may be shown. */
export interface Desk {
  readonly viewArn: string
  readonly actionArn: string
  readonly showsPrompts: boolean
  readonly now: number
}

export interface Search {
  readonly tenant: string
  readonly status?: string | undefined
  readonly type?: string | undefined
  readonly tag?: string | undefined
}

const table = (heads: readonly string[], rows: readonly Html[], empty: string): Html =>
  rows.length === 0
    ? html`<p><i>${empty}</i></p>`
    : html`<table><thead><tr>${heads.map((head) => html`<th>${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`

export const note = (text: string): Html => html`<p>${text}</p>`

export function renderQueues(desk: Desk, tenant: string, sights: readonly LaneStatus[]): Html {
  const rows = sights.map(({ lane, visible, inFlight, delayed, deadLetters, oldestMs, pausedSince }) => {
    const act = (parameters: Readonly<Record<string, unknown>>, confirmation?: string) => ({
      endpoint: desk.actionArn,
      display: 'popup' as const,
      parameters: { lane, tenant, ...parameters },
      ...(confirmation ? { confirmation } : {}),
    })
    const isPaused = pausedSince !== undefined
    return html`<tr><td><b>${lane}</b>${isPaused && html` (paused)`}</td><td>${
      isPaused
        ? button('Resume', act({ action: 'resume' }, `Let lane ${lane} take work again?`))
        : button('Pause', act({ action: 'pause' }, `Stop lane ${lane} from taking work? What runs goes on.`))
    } ${button('Count failed', act({ action: 'redrive', dry_run: true }, `Count the failed tasks of lane ${lane}? Nothing is moved.`))} ${button(
      'Redrive',
      act(
        { action: 'redrive', dry_run: false },
        `Run all failed tasks of lane ${lane} of tenant ${tenant} again, whatever their error? ${deadLetters} dead letters of all tenants are there. “Count failed” shows them by error.`,
      ),
    )}</td><td>${visible}</td><td>${inFlight}</td><td>${delayed}</td><td>${deadLetters}</td><td>${oldestMs === undefined ? '–' : span(oldestMs)}</td></tr>`
  })
  const heads = ['Lane', 'Do', 'Waiting', 'In flight', 'Delayed', 'Dead letters', 'Oldest waits']
  return html`<h3>Lanes</h3>${table(heads, rows, 'There are no lanes.')}`
}

export function renderTasks(desk: Desk, title: string, tasks: readonly Task[], empty: string): Html {
  const rows = tasks.map(
    (task) =>
      html`<tr><td>${link(desk, task)}</td><td>${buttons(desk, task)}</td><td>${task.type}</td><td>${task.lane}</td><td>${task.status}</td><td>${progressOf(desk, task)}</td><td>${task.attempt}/${task.maxAttempts}</td><td>${ago(desk.now, task.createdAt)}</td><td>${reasonOf(desk, task)}</td></tr>`,
  )
  const heads = ['Task', 'Do', 'Type', 'Lane', 'Status', 'Progress', 'Attempts', 'Submitted', 'Reason']
  return html`<h3>${title}</h3>${table(heads, rows, empty)}`
}

/**
 * The form that finds tasks; CloudWatch sends its fields with any action of the widget. No field is named `id`: sanitizers
 * drop names that would hide a property of the form.
 */
export function renderSearch(desk: Desk, search: Search): Html {
  const input = (name: string, label: string, value: string | undefined, size: number) =>
    html`<label>${label} <input name="${name}" value="${value}" size="${size}"></label> `
  const choices = ['', ...STATUSES].map(
    (status) =>
      html`<option value="${status}"${status === (search.status ?? '') ? html` selected` : html``}>${status || 'any'}</option>`,
  )
  const find = button('Search', {
    endpoint: desk.viewArn,
    display: 'widget',
    parameters: { view: 'search', tenant: search.tenant },
  })
  const back = button('Overview', {
    endpoint: desk.viewArn,
    display: 'widget',
    parameters: { view: 'overview', tenant: search.tenant },
  })
  return html`<form>${input('tenant', 'Tenant', search.tenant, 14)}${input('task_id', 'Id', '', 28)}<label>Status <select name="status">${choices}</select></label> ${input('type', 'Type', search.type, 14)}${input('tag', 'Tag', search.tag, 10)}${find} ${back}</form>`
}

export function renderTask(desk: Desk, task: Task): Html {
  const facts: readonly (readonly [string, string | number | Html])[] = [
    ['Id', task.id],
    ['Tenant', task.tenant],
    ['Type', task.type],
    ['Lane', task.lane],
    ['Model', task.model ?? '–'],
    ['Status', task.status],
    ['Progress', progressOf(desk, task)],
    ['Attempts', `${task.attempt} of ${task.maxAttempts}, epoch ${task.epoch}`],
    ['Submitted', iso(task.createdAt)],
    ['Started', iso(task.startedAt)],
    ['Finished', iso(task.finishedAt)],
    ['Reason', reasonOf(desk, task) || '–'],
    ['Trace', traceIdOf(task) ?? '–'],
    ['Tags', task.tags.join(', ') || '–'],
    ['Input', desk.showsPrompts ? inputOf(task) : 'hidden on this stage'],
    [
      'Tokens',
      task.usage
        ? `${task.usage.inputTokens} in, ${task.usage.outputTokens} out, ${task.usage.provider}`
        : '–',
    ],
  ]
  const history = task.history.map(
    (line) =>
      html`<tr><td>${line.epoch}</td><td>${line.attempt}</td><td>${iso(line.startedAt)}</td><td>${span(line.endedAt - line.startedAt)}</td><td>${line.outcome}</td><td>${line.provider ?? '–'}</td></tr>`,
  )
  return html`<h3>Task ${task.id}</h3><table><tbody>${facts.map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}</tbody></table><p>${buttons(desk, task)}</p><h3>Attempts</h3>${table(['Epoch', 'Attempt', 'Started', 'Took', 'Outcome', 'Provider'], history, 'None has ended yet.')}`
}

const link = (desk: Desk, { tenant, id }: Task): Html =>
  html`<a>${id}</a>${call({ endpoint: desk.viewArn, display: 'widget', parameters: { view: 'task', tenant, id } })}`

function buttons(desk: Desk, { tenant, id, status }: Task): Html {
  const act = (action: string, confirmation: string) => ({
    endpoint: desk.actionArn,
    display: 'popup' as const,
    parameters: { action, tenant, id },
    confirmation,
  })
  if (!isFinal(status)) return button('Cancel', act('cancel', `Cancel task ${id}? No result will land.`))
  return (RETRYABLE_STATUSES as readonly string[]).includes(status)
    ? button('Retry', act('retry', `Run task ${id} again, from its first attempt?`))
    : html``
}

/** A message may hold the end of an answer so far, an error what a model or the author's code said: both are content. */
const progressOf = ({ showsPrompts }: Desk, { status, progress }: Task): string => {
  if (status === 'COMPLETED') return '100 %'
  if (!progress) return '–'
  return showsPrompts ? `${progress.percent} % ${progress.message}` : `${progress.percent} %`
}
const reasonOf = ({ showsPrompts }: Desk, { error, status }: Task): string => {
  if (!error) return ''
  const reason = showsPrompts ? `${error.code}: ${error.message}` : error.code
  return isFinal(status) ? reason : `last attempt: ${reason}`
}
const inputOf = ({ input }: Task): string =>
  'json' in input ? input.json.slice(0, 2_000) : `${input.bytes} bytes, in the bucket`
const iso = (at: number | undefined): string => (at === undefined ? '–' : new Date(at).toISOString())
const ago = (now: number, at: number): string => `${span(now - at)} ago`

function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3_600)} h`
}
