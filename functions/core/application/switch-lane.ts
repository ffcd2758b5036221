import type { Lane } from '../../contract.ts'
import type { Clock, Ids } from '../ports/clock.ts'
import type { LaneStore, LaneSwitch } from '../ports/lane-store.ts'
import type { Log } from '../ports/log.ts'

export interface SwitchLaneDependencies {
  readonly lanes: LaneStore
  readonly laneSwitch: LaneSwitch
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
}

/**
 * Stops a lane from taking work. Tasks go on being accepted, running ones finish, nothing is lost or burned. The note
 * comes first: a pause that died half-way keeps the sweeper out of a lane that still works, which harms nothing, and
 * is repaired by saying it again.
 */
export async function pauseLane(dependencies: SwitchLaneDependencies, lane: Lane): Promise<void> {
  const { lanes, laneSwitch, clock, log } = dependencies
  await lanes.beginPause(lane, clock.now())
  await laneSwitch.turn(lane, false)
  await settle(dependencies, lane, false)
  log('lane.paused', { lane })
}

/**
 * Lets a paused lane go on; for one that is not paused, nothing happens. The pause ends in the note only when the event
 * source was turned on: a resume that died half-way leaves a lane that works and is called paused, or one that is.
 */
export async function resumeLane(dependencies: SwitchLaneDependencies, lane: Lane): Promise<void> {
  const { lanes, laneSwitch, ids, log } = dependencies
  const token = ids.token()
  await lanes.beginResume(lane, token)
  await laneSwitch.turn(lane, true)
  await lanes.endPause(lane, token)
  await settle(dependencies, lane, true)
  log('lane.resumed', { lane })
}

/**
 * Pause and resume at once: whoever turned the switch looks at the note again, and turns it to what that says. The note
 * knows of a resume before the resume turns, so that a pause that turned in between sees it here.
 */
async function settle(
  { lanes, laneSwitch }: SwitchLaneDependencies,
  lane: Lane,
  turnedTo: boolean,
): Promise<void> {
  for (let isOn = turnedTo; ; ) {
    const isMeantToBeOn = await lanes.isMeantToRun(lane)
    if (isMeantToBeOn === isOn) return
    await laneSwitch.turn(lane, isMeantToBeOn)
    isOn = isMeantToBeOn
  }
}
