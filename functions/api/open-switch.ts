import { clock, ids, log, openLanes } from '../hosts/lambda.ts'
import { openLaneSwitch } from '../hosts/operate.ts'

/** What turning a lane off and on works with. */
export const openSwitch = () => ({ lanes: openLanes(), laneSwitch: openLaneSwitch(), clock, ids, log })
