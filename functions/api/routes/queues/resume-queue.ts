import { resumeLane } from '../../../core/application/operate/switch-lane.ts'
import { defineRoute } from '../../define-route.ts'
import { openLaneSwitchNeeds } from '../../open-lane-switch-needs.ts'
import { readLane } from '../../read-lane.ts'
import { laneAnswer, laneParams } from '../../schemas/operate.ts'

export const resumeQueueRoute = defineRoute({
  method: 'POST',
  path: '/queues/{lane}/resume',
  function: 'api-operate',
  scope: 'ops:write',
  summary: 'Resume a paused lane',
  params: laneParams,
  answers: { 200: { description: 'The lane takes work again.', schema: laneAnswer } },
  problems: [404],
  needs: openLaneSwitchNeeds,
  handle: async ({ params }, needs) => {
    const lane = readLane(params.lane)
    await resumeLane(needs, lane)
    return { status: 200, body: { lane, is_paused: false } }
  },
})
