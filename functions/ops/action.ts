import middy from '@middy/core'
import { ENV, LANES } from '../contract.ts'
import { cancelTask } from '../core/application/cancel-task.ts'
import { redriveLane } from '../core/application/redrive-lane.ts'
import { retryTask } from '../core/application/retry-task.ts'
import { pauseLane, resumeLane } from '../core/application/switch-lane.ts'
import { RequestError } from '../core/domain/errors.ts'
import { clock, log, openLanes, openQueue, openStore, readConfig } from '../hosts/lambda.ts'
import { openLaneSwitch } from '../hosts/operate.ts'
import { actionEvent } from './event.ts'
import { html } from './html.ts'

const dependencies = {
  store: openStore(),
  queue: openQueue(true),
  lanes: openLanes(),
  laneSwitch: openLaneSwitch(),
  retentionDays: readConfig([ENV.retentionDays]).RETENTION_DAYS,
  clock,
  log,
}

/** More than a person wants to start with one click; the API and the CLI take filters and a pace. */
const REDRIVE_LIMIT = 1_000
const WORK_MS = 20_000

/** What the buttons of the custom widget do. Each is the same use case as its API route, under a role of its own. */
export const handler = middy<unknown, string>().handler(async (event) => {
  const parsed = actionEvent.safeParse(event ?? {})
  if (!parsed.success) return html`<p>Nothing was done: the request is not one of this widget's.</p>`.text
  try {
    const told = await act(parsed.data)
    log('operator.acted', {
      action: parsed.data.action,
      ...('id' in parsed.data
        ? { tenant: parsed.data.tenant, task_id: parsed.data.id }
        : { lane: parsed.data.lane }),
    })
    return html`<p>${told}</p>`.text
  } catch (error) {
    if (error instanceof RequestError) return html`<p>Nothing was done: ${error.message}</p>`.text
    throw error
  }
})

async function act(event: ReturnType<typeof actionEvent.parse>): Promise<string> {
  switch (event.action) {
    case 'retry': {
      const { id, epoch } = await retryTask(dependencies, { tenant: event.tenant, id: event.id })
      return `Task ${id} runs again (epoch ${epoch}).`
    }
    case 'cancel': {
      const { id } = await cancelTask(dependencies, { tenant: event.tenant, id: event.id })
      return `Task ${id} is cancelled.`
    }
    case 'redrive': {
      const now = clock.now()
      const request = {
        tenant: event.tenant,
        lane: readLane(event.lane),
        isDryRun: event.dry_run,
        limit: REDRIVE_LIMIT,
        failedBefore: now,
      }
      const { matched, redriven, remaining, byError } = await redriveLane(
        dependencies,
        request,
        now + WORK_MS,
      )
      const classes = Object.entries(byError).map(([code, count]) => `${code}: ${count}`)
      const why = classes.length > 0 ? ` (${classes.join(', ')})` : ''
      return event.dry_run
        ? `${matched} failed tasks of lane ${event.lane} would run again${why}. Nothing was moved.`
        : `${redriven} failed tasks of lane ${event.lane} run again${why}; ${remaining} are left.`
    }
    case 'pause':
      await pauseLane(dependencies, readLane(event.lane))
      return `Lane ${event.lane} takes no more work. What runs goes on; what comes waits.`
    case 'resume':
      await resumeLane(dependencies, readLane(event.lane))
      return `Lane ${event.lane} takes work again.`
  }
}

function readLane(name: string) {
  const lane = LANES.find((known) => known === name)
  if (!lane)
    throw new RequestError('not_found', `There is no lane "${name}". There are: ${LANES.join(', ')}.`)
  return lane
}
