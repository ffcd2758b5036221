import type { Lane } from '../../contract.ts'
import type { ClaimWatermark } from '../domain/overdue.ts'

/**
 * Keeps how far each lane's workers have come with each tenant's queue.
 *
 * @throws UnavailableError when the table does not answer. MisconfiguredError when it refuses the function.
 */
export interface ClaimWatermarks {
  /** Notes how far a lane's worker has come with one tenant's queue. Forward only. */
  recordWatermark(lane: Lane, tenant: string, queuedAt: number, now: number): Promise<void>
  /** What `recordWatermark` told about a lane. */
  readWatermarks(lane: Lane): Promise<readonly ClaimWatermark[]>
  /** What it told about one tenant, undefined when it did not. */
  readWatermark(lane: Lane, tenant: string): Promise<ClaimWatermark | undefined>
}
