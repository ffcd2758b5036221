import type { Lane } from '../../contract.ts'

/** Slots of a lane's workers right now: those that run a task, and all that are paid for. */
export interface SlotCount {
  readonly used: number
  readonly paid: number
}

/**
 * Where running workers say how many of their slots they use. Nothing is decided by it: people are shown it.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface WorkerSlots {
  /** Holds until then, so that a worker that died is forgotten by the clock. */
  report(lane: Lane, worker: string, count: SlotCount, until: number): Promise<void>
  /** Sums of the reports that hold. A lane without one is not in it. */
  read(now: number, lane?: Lane): Promise<ReadonlyMap<Lane, SlotCount>>
}

/** @param reports with the lane each is about. */
export function sumSlots(
  reports: Iterable<SlotCount & { readonly lane: Lane }>,
): ReadonlyMap<Lane, SlotCount> {
  const sums = new Map<Lane, SlotCount>()
  for (const { lane, used, paid } of reports) {
    const sum = sums.get(lane) ?? { used: 0, paid: 0 }
    sums.set(lane, { used: sum.used + used, paid: sum.paid + paid })
  }
  return sums
}
