import type { Lane } from '../../contract.ts'
import type { ClaimWatermark } from '../domain/overdue.ts'

/**
 * Stores how far each lane's workers have come in each tenant's queue.
 *
 * @throws UnavailableError when the table does not answer. MisconfiguredError when it refuses the function.
 */
export interface ClaimWatermarks {
  /** Stores the position of a lane's worker in one tenant's queue. It only moves forward. */
  recordWatermark(lane: Lane, tenant: string, queuedAt: number, now: number): Promise<void>
  /** The watermarks of a lane. */
  readWatermarks(lane: Lane): Promise<readonly ClaimWatermark[]>
  /** The watermark of one tenant; undefined when there is none. */
  readWatermark(lane: Lane, tenant: string): Promise<ClaimWatermark | undefined>
}
