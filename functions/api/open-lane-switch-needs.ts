import { clock, ids, log, openLanes } from '../hosts/lambda.ts'
import { openLaneSwitch } from '../hosts/operate.ts'

/** Dependencies for pausing and resuming a lane. */
export const openLaneSwitchNeeds = () => ({
  lanes: openLanes(),
  laneSwitch: openLaneSwitch(),
  clock,
  ids,
  log,
})
