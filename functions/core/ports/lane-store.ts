import type { Lane } from '../../contract.ts'

/**
 * Remembers which lanes somebody has paused, so that the sweeper sends nothing into them and callers are told.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface LaneStore {
  /** Lane → since when. */
  paused(): Promise<ReadonlyMap<Lane, number>>
  /** @param since when the pause began; undefined ends it. */
  setPaused(lane: Lane, since: number | undefined): Promise<void>
}

/**
 * Turns the event source of a lane off and on. Off, nothing is received and nothing is lost; what is in hand goes on.
 *
 * @throws UnavailableError when it cannot be turned right now.
 */
export interface LaneSwitch {
  turn(lane: Lane, isOn: boolean): Promise<void>
}
