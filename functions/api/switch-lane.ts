import { pauseLane, resumeLane } from '../core/application/operate/switch-lane.ts'
import { clock, type Door, ids, log, openLanes } from '../hosts/lambda.ts'
import { openLaneSwitch } from '../hosts/operate.ts'
import { readLane } from './read-lane.ts'

const dependencies = { lanes: openLanes(), laneSwitch: openLaneSwitch(), clock, ids, log }

/** POST /queues/{lane}/pause — the lane takes no more work; what runs goes on, what is submitted waits. */
export const pauseLaneDoor: Door = async ({ parameters }) => {
  const lane = readLane(parameters.lane)
  await pauseLane(dependencies, lane)
  return { status: 200, body: { lane, is_paused: true } }
}

/** POST /queues/{lane}/resume */
export const resumeLaneDoor: Door = async ({ parameters }) => {
  const lane = readLane(parameters.lane)
  await resumeLane(dependencies, lane)
  return { status: 200, body: { lane, is_paused: false } }
}
