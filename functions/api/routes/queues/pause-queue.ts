import { pauseLane } from '../../../core/application/operate/switch-lane.ts'
import { defineRoute } from '../../define-route.ts'
import { openLaneSwitchNeeds } from '../../open-lane-switch-needs.ts'
import { readLane } from '../../read-lane.ts'
import { laneAnswer, laneParams } from '../../schemas/operate.ts'

export const pauseQueueRoute = defineRoute({
  method: 'POST',
  path: '/queues/{lane}/pause',
  function: 'api-operate',
  scope: 'ops:write',
  summary: 'Pause a lane',
  description: 'Its workers start no further tasks. Running tasks finish; submitted tasks wait.',
  params: laneParams,
  answers: { 200: { description: 'The lane is paused.', schema: laneAnswer } },
  problems: [404],
  needs: openLaneSwitchNeeds,
  handle: async ({ params }, needs) => {
    const lane = readLane(params.lane)
    await pauseLane(needs, lane)
    return { status: 200, body: { lane, is_paused: true } }
  },
})
