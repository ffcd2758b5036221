import { LANES, type Lane } from '../../../contract.ts'
import { causeFields } from '../../domain/errors.ts'
import { type ClaimWatermark, isLost } from '../../domain/overdue.ts'
import type { ClaimWatermarks } from '../../ports/claim-watermarks.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import type { Log } from '../../ports/log.ts'
import type { QueueDepths } from '../../ports/task-queue.ts'

export interface LaneSnapshotDependencies {
  readonly depths: QueueDepths
  readonly lanes: LaneStore
  readonly watermarks: Pick<ClaimWatermarks, 'readWatermarks'>
  readonly log: Log
}

/** What is known about each lane, asked once per sweep, and only when something is due at all. */
export class LaneSnapshot {
  readonly #dependencies: LaneSnapshotDependencies
  readonly #visible = new Map<Lane, number>()
  readonly #watermarks = new Map<Lane, Promise<readonly ClaimWatermark[]>>()
  #paused: Promise<ReadonlyMap<Lane, number>> | undefined
  #looked: Promise<unknown> | undefined

  constructor(dependencies: LaneSnapshotDependencies) {
    this.#dependencies = dependencies
  }

  /** Notes how much waits in each lane. A queue that does not answer is taken for a busy one. */
  async look(): Promise<void> {
    const { depths, log } = this.#dependencies
    const lookAt = async (lane: Lane) => {
      try {
        this.#visible.set(lane, (await depths.depth(lane)).visible)
      } catch (error) {
        log('sweep.failed', { lane, ...causeFields(error) })
      }
    }
    this.#looked ??= Promise.all(LANES.map(lookAt))
    await this.#looked
  }

  paused(): Promise<ReadonlyMap<Lane, number>> {
    this.#paused ??= this.#dependencies.lanes.paused()
    return this.#paused
  }

  /** Tells a lost message from one that waits; into a paused lane nothing is sent, whatever became of its messages. */
  async isLost(row: { tenant: string; queuedAt: number; lane: Lane }, now: number): Promise<boolean> {
    if ((await this.paused()).has(row.lane)) return false
    const visible = this.#visible.get(row.lane)
    return visible === undefined ? false : isLost(row, visible, await this.#marksOf(row.lane), now)
  }

  #marksOf(lane: Lane): Promise<readonly ClaimWatermark[]> {
    const known = this.#watermarks.get(lane)
    if (known) return known
    const asked = this.#dependencies.watermarks.readWatermarks(lane)
    this.#watermarks.set(lane, asked)
    return asked
  }
}
