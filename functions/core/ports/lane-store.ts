import type { Lane } from '../../contract.ts'

/**
 * Remembers which lanes somebody has paused, so that the sweeper sends nothing into them and callers are told.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface LaneStore {
  /** Lane → since when. */
  paused(): Promise<ReadonlyMap<Lane, number>>
  /** Of two who pause a lane the first began the pause. Forgets a resume that is under way. */
  beginPause(lane: Lane, since: number): Promise<void>
  /** Notes that somebody is ending the pause, if there is one. */
  beginResume(lane: Lane, token: string): Promise<void>
  /** Ends the pause, unless somebody has paused, or begun to resume, after `beginResume` of that token. */
  endPause(lane: Lane, token: string): Promise<void>
  /** Not paused, or just being resumed. */
  isMeantToRun(lane: Lane): Promise<boolean>
}

/**
 * Turns the event source of a lane off and on. Off, nothing is received and nothing is lost; what is in hand goes on.
 *
 * @throws UnavailableError when it cannot be turned right now.
 */
export interface LaneSwitch {
  turn(lane: Lane, isOn: boolean): Promise<void>
}
