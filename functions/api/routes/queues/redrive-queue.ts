import { LIMITS } from '../../../contract.ts'
import { redriveLane } from '../../../core/application/operate/redrive-lane.ts'
import { unreadableMessages } from '../../../core/application/operate/unreadable-messages.ts'
import { invalid } from '../../../core/application/submit/prepare-submission.ts'
import { clock, log, openDeadLetters, openSender, openStore } from '../../../hosts/lambda.ts'
import { openAdmission, openRelease } from '../../../hosts/limits.ts'
import { tally } from '../../../hosts/tally.ts'
import { defineRoute } from '../../define-route.ts'
import { readLane } from '../../read-lane.ts'
import { readCursor, writeCursor } from '../../schemas/cursor.ts'
import { laneParams, redriveAnswer, redriveBody } from '../../schemas/operate.ts'
import { iso } from '../../schemas/time.ts'

/** Within the gateway's limit of 29 s. */
const WORK_MS = 20_000
/** The part of this time for messages that no worker can read. */
const UNREADABLE_MS = 5_000

export const redriveQueueRoute = defineRoute({
  method: 'POST',
  path: '/queues/{lane}/redrive',
  function: 'api-operate',
  scope: 'ops:write',
  summary: 'Run the failed tasks of a lane again',
  description:
    'Starts the next epoch of every failed task of the caller that matches the filter, newest first. When there are more tasks than one call can start, send next_cursor until it is null.',
  params: laneParams,
  body: {
    schema: redriveBody,
    isOptional: true,
    examples: {
      look: { summary: 'Look first', value: { dry_run: true } },
      some: {
        summary: 'One error, ten a second',
        value: { error_code: 'provider_unavailable', pace_per_second: 10 },
      },
    },
  },
  answers: {
    200: { description: 'The number of matching tasks and of started ones.', schema: redriveAnswer },
  },
  problems: [404],
  // The default for agents is a dry run.
  mcp: { tool: 'redrive', defaults: { dry_run: true } },
  needs: () => ({
    followUps: { ...openRelease(), tally },
    admission: openAdmission(),
    store: openStore(),
    queue: openSender(),
    deadLetters: openDeadLetters(),
    clock,
    log,
  }),
  handle: async ({ tenant, params, receivedAt, body }, needs) => {
    const lane = readLane(params.lane)
    const { type, error_code, failed_after, failed_before, dry_run, limit, pace_per_second } = body
    const { delete_unreadable } = body
    const { created_after, created_before } = body
    const cursor = readCursor(body.cursor)
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
      // Tasks that fail again during this call are not restarted: of two operators at once, one epoch per task is started.
      failedBefore: Math.min(receivedAt, failed_before ? Date.parse(failed_before) : receivedAt),
      ...(created_after ? { createdAfter: Date.parse(created_after) } : {}),
      ...(created_before ? { createdBefore: Date.parse(created_before) } : {}),
      ...(cursor ? { cursor } : {}),
      ...(pace_per_second ? { pacePerSecond: pace_per_second } : {}),
    }
    const stopAt = clock.now() + WORK_MS
    // Before the redrive, which reads the queue too and hides the messages for a second. Only in the first of several calls,
    // because the queue stays the same.
    const unreadable =
      (dry_run || delete_unreadable) && !cursor
        ? await unreadableMessages(needs, lane, delete_unreadable && !dry_run, clock.now() + UNREADABLE_MS)
        : []
    const done = await redriveLane(needs, request, stopAt)
    if (delete_unreadable && !dry_run && unreadable.length > 0)
      log('lane.unreadable_deleted', { tenant, lane, count: unreadable.length })
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
        next_cursor: writeCursor(done.cursor),
        unreadable: unreadable.map(({ messageId, bytes }) => ({ message_id: messageId, bytes })),
        failed_before: iso(request.failedBefore),
      },
    }
  },
})
