import { listQueues } from '../core/application/operate/list-queues.ts'
import { clock, type Door, openLanes, openQueue, openStore } from '../hosts/lambda.ts'
import { iso } from './schemas/task-json.ts'

const dependencies = { store: openStore(), queue: openQueue(true), lanes: openLanes(), clock }

/** GET /queues — what waits in every lane, all callers together. */
export const listQueuesDoor: Door = async () => ({
  status: 200,
  body: {
    queues: (await listQueues(dependencies)).map((sight) => ({
      lane: sight.lane,
      visible: sight.visible,
      in_flight: sight.inFlight,
      delayed: sight.delayed,
      dead_letters: sight.deadLetters,
      oldest_due_age_seconds: sight.oldestMs === undefined ? null : Math.round(sight.oldestMs / 1_000),
      is_paused: sight.pausedSince !== undefined,
      paused_since: iso(sight.pausedSince),
    })),
  },
})
