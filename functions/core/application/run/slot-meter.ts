import type { Lane } from '../../../contract.ts'
import { causeFields } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { WorkerSlots } from '../../ports/worker-slots.ts'

/**
 * How often a worker reports how many of its slots are used. One write ($0.625 per million) per interval costs half a percent
 * of the worker's memory.
 */
const REPORT_EVERY_MS = 20_000
/** Shorter invocations, which are most of those with short tasks, report nothing. */
const FIRST_REPORT_MS = 5_000
/** A report is valid until the next one, with some tolerance. */
const REPORT_VALID_MS = REPORT_EVERY_MS + 5_000

interface SlotMeterDependencies {
  readonly lane: Lane
  readonly slots: number
  readonly clock: Clock
  readonly log: Log
  readonly workerSlots: WorkerSlots
}

/** Measures which share of the paid slots of an invocation is used. */
export class SlotMeter {
  readonly #dependencies: SlotMeterDependencies
  readonly #beganAt: number
  #used = 0
  #usedMs = 0
  #changedAt: number

  constructor(dependencies: SlotMeterDependencies) {
    this.#dependencies = dependencies
    this.#beganAt = dependencies.clock.now()
    this.#changedAt = this.#beganAt
  }

  enter(): void {
    this.#change(1)
  }

  leave(): void {
    this.#change(-1)
  }

  /** Slots times milliseconds since the invocation began. */
  total(): { readonly usedMs: number; readonly paidMs: number } {
    this.#change(0)
    const paidMs = (this.#changedAt - this.#beganAt) * this.#dependencies.slots
    return { usedMs: this.#usedMs, paidMs }
  }

  /** Reports during the invocation. Never throws, because no other code depends on it. */
  async watch(worker: string, signal: AbortSignal): Promise<void> {
    const { lane, slots, clock, log, workerSlots } = this.#dependencies
    const tell = async (used: number, paid: number, until: number) =>
      workerSlots
        .report(lane, worker, { used, paid }, until)
        .catch((error) => log('slots.failed', { lane, ...causeFields(error) }))
    let before = this.total()
    await clock.sleep(FIRST_REPORT_MS, signal)
    let isTold = false
    while (!signal.aborted) {
      isTold = true
      await tell(this.#used, slots, clock.now() + REPORT_VALID_MS)
      await clock.sleep(REPORT_EVERY_MS, signal)
      const { usedMs, paidMs } = this.total()
      if (paidMs > before.paidMs)
        log('slots.used', { lane, percent: percentOf(usedMs - before.usedMs, paidMs - before.paidMs) })
      before = { usedMs, paidMs }
    }
    if (isTold) return tell(0, 0, clock.now())
    const { usedMs, paidMs } = this.total()
    if (paidMs > 0) log('slots.used', { lane, percent: percentOf(usedMs, paidMs) })
  }

  #change(by: number): void {
    const now = this.#dependencies.clock.now()
    this.#usedMs += this.#used * (now - this.#changedAt)
    this.#changedAt = now
    this.#used += by
  }
}

const percentOf = (part: number, whole: number): number => Math.round((1_000 * part) / whole) / 10
