import { clock, ids, log, openLanes } from '../hosts/lambda.ts'
import { openLaneSwitch } from '../hosts/operate.ts'

export const openLaneSwitchNeeds = () => ({
  lanes: openLanes(),
  laneSwitch: openLaneSwitch(),
  clock,
  ids,
  log,
})
