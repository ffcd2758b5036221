import type { Lane } from '../../contract.ts'
import type { Clock } from '../ports/clock.ts'
import type { LaneStore, LaneSwitch } from '../ports/lane-store.ts'
import type { Log } from '../ports/log.ts'

export interface SwitchLaneDependencies {
  readonly lanes: LaneStore
  readonly laneSwitch: LaneSwitch
  readonly clock: Clock
  readonly log: Log
}

/**
 * Stops a lane from taking work. Tasks go on being accepted, running ones finish, nothing is lost or burned. The note
 * comes first: a pause that died half-way keeps the sweeper out of a lane that still works, which harms nothing, and
 * is repaired by saying it again.
 */
export async function pauseLane(
  { lanes, laneSwitch, clock, log }: SwitchLaneDependencies,
  lane: Lane,
): Promise<void> {
  await lanes.setPaused(lane, clock.now())
  await laneSwitch.turn(lane, false)
  log('lane.paused', { lane })
}

/** Lets a paused lane go on; for one that is not paused, nothing happens. */
export async function resumeLane(
  { lanes, laneSwitch, log }: SwitchLaneDependencies,
  lane: Lane,
): Promise<void> {
  await laneSwitch.turn(lane, true)
  await lanes.setPaused(lane, undefined)
  log('lane.resumed', { lane })
}
