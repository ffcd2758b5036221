import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { ENV, LANES, OPEN_TENANT } from '../contract.ts'
import { redriveLane } from '../core/application/operate/redrive-lane.ts'
import { pauseLane, resumeLane } from '../core/application/operate/switch-lane.ts'
import { cancelTask } from '../core/application/tasks/cancel-task.ts'
import { retryTask } from '../core/application/tasks/retry-task.ts'
import { RequestError } from '../core/domain/errors.ts'
import { recorded } from '../hosts/audit.ts'
import {
  clock,
  ids,
  log,
  openDeadLetters,
  openLanes,
  openRecord,
  openSender,
  openStore,
  readConfig,
} from '../hosts/lambda.ts'
import { openAdmission, openRelease } from '../hosts/limits.ts'
import { openLaneSwitch } from '../hosts/operate.ts'
import { tally } from '../hosts/tally.ts'
import { actionEvent } from './event.ts'
import { button, type Html, html } from './html.ts'
import { noteHtml } from './render.ts'

const dependencies = {
  followUps: { ...openRelease(), tally },
  admission: openAdmission(),
  store: openStore(),
  queue: openSender(),
  deadLetters: openDeadLetters(),
  lanes: openLanes(),
  laneSwitch: openLaneSwitch(),
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
  clock,
  ids,
  log,
}

const audit = openRecord()

/** Enough for one click; the API and the CLI accept filters and a pace. */
const REDRIVE_LIMIT = 1_000
const WORK_MS = 20_000

/** The actions of the custom widget's buttons. Each is the same use case as its API route, with a role of its own. */
export const handler = middy<unknown, string>().handler(async (event, { invokedFunctionArn }: Context) => {
  const parsed = actionEvent.safeParse(event ?? {})
  if (!parsed.success) return html`<p>Nothing was done: the request is not one of this widget's.</p>`.text
  try {
    const { action, ...what } = parsed.data
    const tenant = 'id' in what ? String(what.tenant) : OPEN_TENANT
    const target = String('id' in what ? what.id : what.lane)
    const outcome = await recorded(
      { audit, log },
      { tenant, by: 'dashboard', action: `dashboard ${action}`, target },
      async () => ({ answer: await act(parsed.data, invokedFunctionArn), status: 200, details: {} }),
    )
    log('operator.acted', {
      action: parsed.data.action,
      ...('id' in parsed.data
        ? { tenant: parsed.data.tenant, task_id: parsed.data.id }
        : { lane: parsed.data.lane }),
    })
    return outcome.text
  } catch (error) {
    if (error instanceof RequestError) return html`<p>Nothing was done: ${error.message}</p>`.text
    throw error
  }
})

async function act(event: ReturnType<typeof actionEvent.parse>, ownArn: string): Promise<Html> {
  switch (event.action) {
    case 'retry': {
      const { id, epoch } = await retryTask(dependencies, { tenant: event.tenant, id: event.id })
      return noteHtml(`Task ${id} runs again (epoch ${epoch}).`)
    }
    case 'cancel': {
      const { id } = await cancelTask(dependencies, { tenant: event.tenant, id: event.id })
      return noteHtml(`Task ${id} is cancelled.`)
    }
    case 'redrive': {
      const now = clock.now()
      const request = {
        tenant: event.tenant,
        lane: readLane(event.lane),
        isDryRun: event.dry_run,
        limit: REDRIVE_LIMIT,
        failedBefore: now,
        ...(event.error_code === undefined ? {} : { errorCode: event.error_code }),
      }
      const { matched, redriven, remaining, byError } = await redriveLane(
        dependencies,
        request,
        now + WORK_MS,
      )
      const classes = Object.entries(byError).map(([code, count]) => `${code}: ${count}`)
      const why = classes.length > 0 ? ` (${classes.join(', ')})` : ''
      if (!event.dry_run)
        return noteHtml(
          `${redriven} failed tasks of lane ${event.lane} run again${why}; ${remaining} are left.`,
        )
      const only = Object.keys(byError).map((code) => {
        const { tenant, lane } = event
        return html`<p>${button(`Redrive ${byError[code] ?? 0} with ${code} only`, {
          endpoint: ownArn,
          display: 'popup',
          parameters: { action: 'redrive', tenant, lane, dry_run: false, error_code: code },
          confirmation: `Run the ${byError[code] ?? 0} tasks of lane ${lane} that failed with ${code} again?`,
        })}</p>`
      })
      return html`<p>${`${matched} failed tasks of lane ${event.lane} would run again${why}. Nothing was moved.`}</p>${only}`
    }
    case 'pause':
      await pauseLane(dependencies, readLane(event.lane))
      return noteHtml(`Lane ${event.lane} takes no more work. What runs goes on; what comes waits.`)
    case 'resume':
      await resumeLane(dependencies, readLane(event.lane))
      return noteHtml(`Lane ${event.lane} takes work again.`)
  }
}

function readLane(name: string) {
  const lane = LANES.find((known) => known === name)
  if (!lane)
    throw new RequestError('not_found', `There is no lane "${name}". There are: ${LANES.join(', ')}.`)
  return lane
}
