import { listQueues } from '../../../core/application/operate/list-queues.ts'
import {
  clock,
  openDeadLetters,
  openDepths,
  openDueIndex,
  openLanes,
  openWorkerSlots,
} from '../../../hosts/lambda.ts'
import { defineRoute } from '../../define-route.ts'
import { queuesAnswer } from '../../schemas/operate.ts'
import { iso } from '../../schemas/time.ts'

export const listQueuesRoute = defineRoute({
  method: 'GET',
  path: '/queues',
  function: 'api-operate',
  scope: 'ops:read',
  summary: 'List the lanes and what waits in them',
  description: 'All callers together.',
  answers: { 200: { description: 'One entry per lane.', schema: queuesAnswer } },
  needs: () => ({
    dueIndex: openDueIndex(),
    depths: openDepths(),
    deadLetters: openDeadLetters(),
    lanes: openLanes(),
    workerSlots: openWorkerSlots(),
    clock,
  }),
  handle: async (_, needs) => ({
    status: 200,
    body: {
      queues: (await listQueues(needs)).map((snapshot) => ({
        lane: snapshot.lane,
        visible: snapshot.visible,
        in_flight: snapshot.inFlight,
        delayed: snapshot.delayed,
        dead_letters: snapshot.deadLetters,
        oldest_due_age_seconds:
          snapshot.oldestMs === undefined ? null : Math.round(snapshot.oldestMs / 1_000),
        slots_used: snapshot.slots.used,
        slots_paid: snapshot.slots.paid,
        is_paused: snapshot.pausedSince !== undefined,
        paused_since: iso(snapshot.pausedSince),
      })),
    },
  }),
})
