import type { Lane } from '../../../contract.ts'
import { type Circuit, isPausedFor } from '../../domain/circuit.ts'
import { type Estimate, estimate, type LaneMoment } from '../../domain/estimate.ts'
import { isFinal, type Task } from '../../domain/task.ts'
import type { CircuitStore } from '../../ports/circuit-store.ts'
import type { ClaimWatermarks } from '../../ports/claim-watermarks.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import type { RecentRuns } from '../../ports/recent-runs.ts'
import type { QueueDepths } from '../../ports/task-queue.ts'

export interface EstimateDependencies {
  readonly depths: QueueDepths
  readonly recentRuns: RecentRuns
  readonly lanes: Pick<LaneStore, 'acceptsWork'>
  readonly watermarks: Pick<ClaimWatermarks, 'readWatermark'>
  readonly circuits: Pick<CircuitStore, 'read'>
  /** Name of a model's circuit; undefined for a model without a provider. */
  readonly circuitOf: (model: string) => string | undefined
  readonly clock: Clock
}

/** Values are cached this long: four small calls per lane and tenant, and one per model, whatever the number of callers. */
const KNOWN_MS = 5_000
/** An answer waits at most this long for an estimate, because it is optional. */
const MAX_WAIT_MS = 200
const MAX_CACHED = 500

export interface WaitEstimates {
  /** Starts reading a lane's values, so that they are available when a submit is answered. */
  prepare(task: TaskToEstimate): void
  /** Undefined when the values did not arrive in time, and for a task that does not wait. Never throws. */
  of(task: Task): Promise<Estimate | undefined>
}

/** The task fields that an estimate depends on. */
export type TaskToEstimate = Pick<Task, 'lane' | 'tenant' | 'model'>

/** @returns estimates of when a waiting task will start; values of the lanes are cached for some seconds. */
export function openEstimates(dependencies: EstimateDependencies): WaitEstimates {
  const { circuits, circuitOf, clock } = dependencies
  const moments = new TimedCache<LaneMoment>(clock)
  const found = new TimedCache<Circuit | undefined>(clock)
  const ask = ({ lane, tenant, model }: TaskToEstimate) => {
    const circuit = model === null ? undefined : circuitOf(model)
    return Promise.all([
      moments.get(`${lane}#${tenant}`, () => readLaneMoment(dependencies, lane, tenant)),
      circuit === undefined ? undefined : found.get(circuit, () => circuits.read(circuit)),
    ])
  }
  return {
    prepare: (task) => void ask(task),
    of: async (task) => {
      if (isFinal(task.status) || task.status === 'PROCESSING') return undefined
      const answered = new AbortController()
      const known = await Promise.race([ask(task), clock.sleep(MAX_WAIT_MS, answered.signal)])
      answered.abort()
      const [moment, circuit] = known ?? []
      const now = clock.now()
      return moment ? estimate(task, moment, now, isPausedFor(circuit, task.tenant, now)) : undefined
    },
  }
}

class TimedCache<Value> {
  readonly #clock: Clock
  readonly #answers = new Map<
    string,
    { readonly until: number; readonly value: Promise<Value | undefined> }
  >()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Undefined when the value could not be read: an optional value must fail neither a submit nor a read of a task. */
  get(key: string, read: () => Promise<Value>): Promise<Value | undefined> {
    const found = this.#answers.get(key)
    if (found && found.until > this.#clock.now()) return found.value
    if (this.#answers.size >= MAX_CACHED) this.#answers.clear()
    const value = read().catch(() => undefined)
    this.#answers.set(key, { until: this.#clock.now() + KNOWN_MS, value })
    return value
  }
}

async function readLaneMoment(
  { depths, recentRuns, lanes, watermarks, clock }: EstimateDependencies,
  lane: Lane,
  tenant: string,
): Promise<LaneMoment> {
  const [{ visible, inFlight }, runs, acceptsWork, watermark] = await Promise.all([
    depths.depth(lane),
    recentRuns.read(lane, clock.now()),
    lanes.acceptsWork(lane),
    watermarks.readWatermark(lane, tenant),
  ])
  return { waiting: visible, running: inFlight, isPaused: !acceptsWork, watermark, runs }
}
