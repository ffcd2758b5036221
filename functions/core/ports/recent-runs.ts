import type { Lane } from '../../contract.ts'
import type { RecentRun } from '../domain/estimate.ts'

/**
 * What a lane's tasks took and cost lately. Nothing is decided by it: callers are told when their task will start.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface RecentRuns {
  /**
   * Keeps the runs of one worker, in place of those that the same worker, or another with its number, kept before.
   * @param worker any number that an execution environment gives itself.
   */
  keep(lane: Lane, worker: number, runs: readonly RecentRun[], now: number): Promise<void>
  /** All that is kept of a lane, of the last day at most. */
  read(lane: Lane, now: number): Promise<readonly RecentRun[]>
}
