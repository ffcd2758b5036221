import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { ENV, LANES, OPEN_TENANT } from '../contract.ts'
import { explainLoaded } from '../core/application/operate/explain-task.ts'
import { listQueues } from '../core/application/operate/list-queues.ts'
import { listRunning } from '../core/application/operate/list-running.ts'
import { causeFields } from '../core/domain/errors.ts'
import { circuitOfModel } from '../core/domain/model-routes.ts'
import { stepLifeOf } from '../core/domain/step.ts'
import { STATUSES, type Status, type Task } from '../core/domain/task.ts'
import type { ListFilter } from '../core/ports/task-store.ts'
import {
  clock,
  log,
  openCircuits,
  openDeadLetters,
  openDepths,
  openDueIndex,
  openLanes,
  openSteps,
  openStore,
  openWorkerSlots,
  readConfig,
} from '../hosts/lambda.ts'
import { type ViewEvent, viewEvent } from './event.ts'
import { button, type Html, html } from './html.ts'
import {
  noteHtml,
  type RenderContext,
  renderQueues,
  renderSearch,
  renderTasks,
  type Search,
  SPANS,
} from './render.ts'
import { renderTask } from './render-task.ts'

const config = readConfig([ENV.opsActionArn, ENV.showsPrompts, ENV.defaultTenant, ENV.auth, ENV.modelRoutes])
const store = openStore()
const dependencies = {
  store,
  dueIndex: openDueIndex(),
  depths: openDepths(),
  deadLetters: openDeadLetters(),
  lanes: openLanes(),
  workerSlots: openWorkerSlots(),
  circuits: openCircuits(),
  circuitOf: (model: string) => circuitOfModel(config.MODEL_ROUTES, model),
  steps: openSteps(),
  clock,
}

const SHOWN = 25

const DESCRIPTION = `### Tasks and queues, live
Shows what waits in each lane, what runs, what failed last, and any task by its id. It only reads; its buttons call
another function, which asks for a right of its own.

| parameter | |
|---|---|
| \`tenant\` | whose failed and found tasks are shown; by default the stage's first |
| \`view\` | \`overview\`, \`search\` or \`task\` |
`

/** The dashboard's custom widget. Only reads; returns HTML without scripts. */
export const handler = middy<unknown, string | { markdown: string }>().handler(
  async (event, { invokedFunctionArn }: Context) => {
    const parsed = viewEvent.safeParse(event ?? {})
    if (!parsed.success)
      return noteHtml(`This cannot be shown: ${parsed.error.issues[0]?.path.join('.')} is wrong.`).text
    if (parsed.data.describe) return { markdown: DESCRIPTION }
    const context: RenderContext = {
      viewArn: invokedFunctionArn,
      actionArn: config.OPS_ACTION_ARN,
      showsPrompts: config.SHOWS_PROMPTS,
      hasTenants: ['keys', 'iam'].includes(config.AUTH) || config.DEFAULT_TENANT !== OPEN_TENANT,
      now: clock.now(),
    }
    return (await show(context, parsed.data)).text
  },
)

async function show(context: RenderContext, event: ViewEvent): Promise<Html> {
  // Form fields apply where the clicked action has no value.
  const form = event.view === 'search' ? (event.widgetContext?.forms?.all ?? {}) : {}
  const read = (name: 'status' | 'type' | 'tag' | 'lane' | 'minutes') =>
    form[name]?.trim() || event[name] || undefined
  const tenant = form.tenant?.trim() || event.tenant || config.DEFAULT_TENANT
  const search = {
    tenant,
    status: read('status'),
    type: read('type'),
    tag: read('tag'),
    lane: read('lane'),
    minutes: read('minutes'),
  }
  const id = form.task_id?.trim() || event.id || undefined
  if (id !== undefined) {
    const task = await store.get({ tenant, id })
    return html`${renderSearch(context, search)}${task ? await showTask(context, task) : noteHtml(context.hasTenants ? `Tenant ${tenant} has no task ${id}.` : `There is no task ${id}.`)}`
  }
  const list = (status?: Status) =>
    store.list(
      tenant,
      {
        ...(status ? { status } : {}),
        ...(event.view === 'search' ? filterOf(search, context.now) : {}),
      },
      SHOWN,
      event.view === 'search' ? event.before : undefined,
    )
  if (event.view === 'search') {
    const { tasks, cursor } = await list(STATUSES.find((status) => status === search.status))
    const older = cursor
      ? button(`Older than these ${tasks.length}`, {
          endpoint: context.viewArn,
          display: 'widget',
          parameters: { view: 'search', ...search, before: cursor },
        })
      : html``
    return html`${renderSearch(context, search)}${renderTasks(context, 'Found, newest first', tasks, 'Nothing fits.')}<p>${older}</p>`
  }
  const [lanes, running, failed] = await Promise.all([
    listQueues(dependencies),
    listRunning(dependencies, SHOWN),
    list('FAILED'),
  ])
  return html`${renderSearch(context, { tenant })}${renderQueues(context, tenant, lanes)}${renderTasks(context, `Running, and waiting to run again${context.hasTenants ? '; all tenants' : ''}`, running, 'Nothing runs.')}${renderTasks(context, `Failed last${context.hasTenants ? `, tenant ${tenant}` : ''}`, failed.tasks, 'Nothing has failed.')}`
}

/** A lane or a time that the form does not offer counts as none. */
function filterOf({ type, tag, lane, minutes }: Search, now: number): ListFilter {
  const knownLane = LANES.find((known) => known === lane)
  const isOffered = minutes !== undefined && Object.hasOwn(SPANS, minutes)
  return {
    ...(type ? { type } : {}),
    ...(tag ? { tag } : {}),
    ...(knownLane ? { lane: knownLane } : {}),
    ...(isOffered ? { createdAfter: now - Number(minutes) * 60_000 } : {}),
  }
}

async function showTask(context: RenderContext, task: Task): Promise<Html> {
  const [explanation, steps] = await Promise.all([
    explainLoaded(dependencies, withoutMessage(task)).catch((error: unknown) => {
      // The rest of the page helps even while the queues do not answer.
      log('ops.explain_failed', { task_id: task.id, ...causeFields(error) })
      return undefined
    }),
    task.stepsSince === undefined ? [] : dependencies.steps.list(task, stepLifeOf(task)),
  ])
  return renderTask(context, { task, explanation, steps })
}

/** An explanation repeats the error's message, which the page shows once, and only where it may. */
const withoutMessage = (task: Task): Task =>
  task.error ? { ...task, error: { ...task.error, message: 'with the message below.' } } : task
