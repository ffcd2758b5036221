import type { Lane } from '../../contract.ts'

/** The present slots of a lane's workers: those with a running task, and all that are paid for. */
export interface SlotCount {
  readonly used: number
  readonly paid: number
}

/**
 * Reports of running workers about their used slots. Only for display.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface WorkerSlots {
  /** Valid until `until`, so that the report of a crashed worker expires. */
  report(lane: Lane, worker: string, count: SlotCount, until: number): Promise<void>
  /** Sums of the valid reports. Lanes without a report are left out. */
  read(now: number, lane?: Lane): Promise<ReadonlyMap<Lane, SlotCount>>
}

/** @param reports each with its lane. */
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
