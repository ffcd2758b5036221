import * as z from 'zod'
import { LIMITS } from '../../../contract.ts'
import { invalid } from '../../../core/application/submit/prepare-submission.ts'
import { getTask } from '../../../core/application/tasks/get-task.ts'
import { hasReceivedEnd, watchTask } from '../../../core/application/tasks/watch-task.ts'
import { readEventId, START_POSITION } from '../../../core/domain/text-piece.ts'
import {
  clock,
  openPayloads,
  openSteps,
  openStore,
  openText,
  openWatchPlaces,
} from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { toEventStream } from '../../event-stream.ts'
import { taskParams } from '../../schemas/task.ts'

export const watchTaskRoute = defineRoute({
  method: 'GET',
  path: '/tasks/{id}/events',
  function: 'api-events',
  isStreamed: true,
  scope: 'tasks:read',
  summary: 'Watch a task',
  description:
    'Server-Sent Events: `status`, `progress`, `step`, `text-delta` and `end`, which has the task. The data of `text-delta` is a piece of the result’s text with its `offset`; one that begins at 0 begins the text anew, as after a crash (`attempt` is then 2). An answer lasts a minute at most; a reader comes back by itself with the id of the last event. After `end` a new connection is answered with 204, and the reader stops.',
  params: taskParams,
  query: z.strictObject({
    starting_after: z
      .string()
      .max(100)
      .optional()
      .describe('Id of the last received event, instead of Last-Event-ID.'),
  }),
  headers: z.object({
    'Last-Event-ID': z.string().max(100).optional().describe('Id of the last received event.'),
  }),
  answers: {
    200: { description: 'The events, as they happen.', mediaType: 'text/event-stream' },
    204: { description: 'The task has ended, and the caller has received its end.' },
  },
  problems: [404],
  needs: () => ({
    store: openStore(),
    text: openText(),
    steps: openSteps(),
    payloads: openPayloads(),
    places: openWatchPlaces(),
    clock,
  }),
  handle: async ({ tenant, base, params: { id }, query, headers }, needs) => {
    const after = headers['Last-Event-ID'] || query.starting_after
    const seen = after ? readEventId(after) : { position: START_POSITION, place: undefined }
    if (!seen)
      throw invalid([
        {
          path: headers['Last-Event-ID'] ? 'Last-Event-ID' : 'starting_after',
          message: 'is not the id of an event of this API. Leave it out to be told everything.',
        },
      ])
    const task = await getTask(needs, { tenant, id })
    if (hasReceivedEnd(task, seen.position)) return { status: 204 }
    const open = async () => {
      const now = clock.now()
      const until = now + LIMITS.watchSeconds * 1_000
      const place = await needs.places.take(now, until + 10_000, seen.place)
      const watching = { until: place ? until : now, isHeld: place?.isHeld }
      return { events: watchTask(needs, { tenant, id }, seen.position, watching), place }
    }
    return {
      status: 200,
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        // Proxies that buffer or transform answers would delay all events.
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      },
      stream: toEventStream(open, base),
    }
  },
})
