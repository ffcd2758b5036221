import type { Lane } from '../../../contract.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { LaneStore, LaneSwitch } from '../../ports/lane-store.ts'
import type { Log } from '../../ports/log.ts'

export interface SwitchLaneDependencies {
  readonly lanes: LaneStore
  readonly laneSwitch: LaneSwitch
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
}

/**
 * Pauses a lane. Tasks are still accepted, running ones finish, nothing is lost and no attempt is used up. The row is written
 * first: if the process stops between the two calls, the sweeper sends nothing into a lane that still runs, which loses
 * nothing. Repeating the call repairs it.
 */
export async function pauseLane(dependencies: SwitchLaneDependencies, lane: Lane): Promise<void> {
  const { lanes, laneSwitch, clock, log } = dependencies
  await lanes.beginPause(lane, clock.now())
  await laneSwitch.turn(lane, false)
  await reconcileSwitch(dependencies, lane, false)
  log('lane.paused', { lane })
}

/**
 * Resumes a paused lane; without effect on other lanes. The row is written after the event source was turned on: if the
 * process stops between the two calls, the lane is either still paused, or running but recorded as paused. Repeating the
 * call repairs both.
 */
export async function resumeLane(dependencies: SwitchLaneDependencies, lane: Lane): Promise<void> {
  const { lanes, laneSwitch, ids, log } = dependencies
  const token = ids.token()
  await lanes.beginResume(lane, token)
  await laneSwitch.turn(lane, true)
  await lanes.endPause(lane, token)
  await reconcileSwitch(dependencies, lane, true)
  log('lane.resumed', { lane })
}

/**
 * For concurrent pause and resume: after turning the event source on or off, reads the row again and sets the event source
 * accordingly. A resume writes the row before it turns the event source on, so that a pause in between sees it here.
 */
async function reconcileSwitch(
  { lanes, laneSwitch }: SwitchLaneDependencies,
  lane: Lane,
  turnedTo: boolean,
): Promise<void> {
  for (let isOn = turnedTo; ; ) {
    const isMeantToBeOn = await lanes.acceptsWork(lane)
    if (isMeantToBeOn === isOn) return
    await laneSwitch.turn(lane, isMeantToBeOn)
    isOn = isMeantToBeOn
  }
}
