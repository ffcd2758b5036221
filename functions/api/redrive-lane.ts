import { LIMITS } from '../contract.ts'
import { redriveLane } from '../core/application/operate/redrive-lane.ts'
import { clock, type Door, log, openQueue, openStore } from '../hosts/lambda.ts'
import { readLane } from './read-lane.ts'
import { redriveBody } from './schemas/operate.ts'
import { invalid, toFieldErrors } from './schemas/submit.ts'

const dependencies = { store: openStore(), queue: openQueue(true), clock, log }

/** The gateway gives up after 29 s. */
const WORK_MS = 20_000

/** POST /queues/{lane}/redrive — the next epoch of every failed task of the caller that fits the filter. */
export const redriveLaneDoor: Door = async ({ tenant, parameters, receivedAt, optionalJson }) => {
  const lane = readLane(parameters.lane)
  const parsed = redriveBody.safeParse(optionalJson())
  if (!parsed.success) throw invalid(toFieldErrors(parsed.error))
  const { type, error_code, failed_after, failed_before, dry_run, limit, pace_per_second } = parsed.data
  if (pace_per_second !== undefined && limit / pace_per_second > LIMITS.queueDelaySeconds)
    throw invalid([
      {
        path: 'pace_per_second',
        message: `spreads ${limit} starts over more than ${LIMITS.queueDelaySeconds} s; send a limit of at most ${Math.floor(pace_per_second * LIMITS.queueDelaySeconds)}, or a higher pace.`,
      },
    ])
  const request = {
    tenant,
    lane,
    isDryRun: dry_run,
    limit,
    ...(type ? { type } : {}),
    ...(error_code ? { errorCode: error_code } : {}),
    ...(failed_after ? { failedAfter: Date.parse(failed_after) } : {}),
    // What fails again while this runs is left alone: two operators at once start one epoch of each task.
    failedBefore: Math.min(receivedAt, failed_before ? Date.parse(failed_before) : receivedAt),
    ...(pace_per_second ? { pacePerSecond: pace_per_second } : {}),
  }
  const done = await redriveLane(dependencies, request, clock.now() + WORK_MS)
  return {
    status: 200,
    body: {
      lane,
      dry_run,
      matched: done.matched,
      redriven: done.redriven,
      remaining: done.remaining,
      by_error: done.byError,
      tasks: done.ids,
      is_complete: done.isComplete,
    },
  }
}
