import type { Lane } from '../../contract.ts'

/**
 * Stores which lanes are paused, so that the sweeper sends nothing into them and callers are informed.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface LaneStore {
  /** Lane → start of its pause. */
  paused(): Promise<ReadonlyMap<Lane, number>>
  /** Begins a pause; an existing one keeps its start. Cancels a resume in progress. */
  beginPause(lane: Lane, since: number): Promise<void>
  /** Marks a pause as being ended, if there is one. */
  beginResume(lane: Lane, token: string): Promise<void>
  /** Ends the pause, unless another pause or resume began after `beginResume` with this token. */
  endPause(lane: Lane, token: string): Promise<void>
  /** True when the lane is not paused, or is being resumed. */
  acceptsWork(lane: Lane): Promise<boolean>
}

/**
 * Turns the event source of a lane off and on. While it is off nothing is received and nothing is lost; running tasks continue.
 *
 * @throws UnavailableError when it cannot be changed at the moment.
 */
export interface LaneSwitch {
  turn(lane: Lane, isOn: boolean): Promise<void>
}
