import type { Lane } from '../../contract.ts'
import type { RecentRun } from '../domain/estimate.ts'

/**
 * Durations and costs of a lane's recent tasks. Used only for the estimates that callers see.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface RecentRuns {
  /**
   * Stores the runs of one worker. They replace those stored before with the same number.
   * @param worker a random number that an execution environment chooses.
   */
  keep(lane: Lane, worker: number, runs: readonly RecentRun[], now: number): Promise<void>
  /** All stored runs of a lane, at most of the last day. */
  read(lane: Lane, now: number): Promise<readonly RecentRun[]>
}
