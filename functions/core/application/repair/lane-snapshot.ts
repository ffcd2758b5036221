import { LANES, type Lane } from '../../../contract.ts'
import { causeFields } from '../../domain/errors.ts'
import { type ClaimWatermark, isMessageLost } from '../../domain/overdue.ts'
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

/** The state of all lanes, read once per sweep, and only when a row is due. */
export class LaneSnapshot {
  readonly #dependencies: LaneSnapshotDependencies
  readonly #visible = new Map<Lane, number>()
  readonly #watermarks = new Map<Lane, Promise<readonly ClaimWatermark[]>>()
  #paused: Promise<ReadonlyMap<Lane, number>> | undefined
  #looked: Promise<unknown> | undefined

  constructor(dependencies: LaneSnapshotDependencies) {
    this.#dependencies = dependencies
  }

  /** Reads the depth of each queue. A queue that does not answer counts as busy. */
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

  /** Whether a waiting row's message is lost. Never in a paused lane, into which nothing is sent. */
  async isLost(row: { tenant: string; queuedAt: number; lane: Lane }, now: number): Promise<boolean> {
    if ((await this.paused()).has(row.lane)) return false
    const visible = this.#visible.get(row.lane)
    return visible === undefined ? false : isMessageLost(row, visible, await this.#marksOf(row.lane), now)
  }

  #marksOf(lane: Lane): Promise<readonly ClaimWatermark[]> {
    const known = this.#watermarks.get(lane)
    if (known) return known
    const asked = this.#dependencies.watermarks.readWatermarks(lane)
    this.#watermarks.set(lane, asked)
    return asked
  }
}
