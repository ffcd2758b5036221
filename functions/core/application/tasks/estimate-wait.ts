import type { Lane } from '../../../contract.ts'
import { type Estimate, estimate, type LaneMoment } from '../../domain/estimate.ts'
import { isFinal, type Task } from '../../domain/task.ts'
import type { ClaimWatermarks } from '../../ports/claim-watermarks.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LaneStore } from '../../ports/lane-store.ts'
import type { RecentRuns } from '../../ports/recent-runs.ts'
import type { QueueDepths } from '../../ports/task-queue.ts'

export interface EstimateDependencies {
  readonly queue: QueueDepths
  readonly recentRuns: RecentRuns
  readonly lanes: Pick<LaneStore, 'isMeantToRun'>
  readonly watermarks: Pick<ClaimWatermarks, 'readWatermark'>
  readonly clock: Clock
}

/** Four small calls in this time for each lane and tenant that somebody asks about, however many ask. */
const KNOWN_MS = 5_000
/** A caller's answer waits no longer than this for numbers that it can do without. */
const PATIENCE_MS = 200
const MAX_KNOWN = 500

export interface WaitEstimates {
  /** Begins to ask for a lane's numbers, so that they are there when a submission is answered. */
  prepare(lane: Lane, tenant: string): void
  /** Undefined when the numbers did not come in time, and for a task that does not wait. Never throws. */
  of(task: Task): Promise<Estimate | undefined>
}

/** @returns what tells when a waiting task will start; it remembers the lanes' numbers for some seconds. */
export function openEstimates(dependencies: EstimateDependencies): WaitEstimates {
  const { clock } = dependencies
  const known = new Map<
    string,
    { readonly until: number; readonly moment: Promise<LaneMoment | undefined> }
  >()
  const momentOf = (lane: Lane, tenant: string) => {
    const key = `${lane}#${tenant}`
    const found = known.get(key)
    if (found && found.until > clock.now()) return found.moment
    if (known.size >= MAX_KNOWN) known.clear()
    // Only told to the caller: neither a submission nor a look at a task may fail for it.
    const moment = look(dependencies, lane, tenant).catch(() => undefined)
    known.set(key, { until: clock.now() + KNOWN_MS, moment })
    return moment
  }
  return {
    prepare: (lane, tenant) => void momentOf(lane, tenant),
    of: async (task) => {
      if (isFinal(task.status) || task.status === 'PROCESSING') return undefined
      const answered = new AbortController()
      const tooLate = clock.sleep(PATIENCE_MS, answered.signal)
      const moment = await Promise.race([momentOf(task.lane, task.tenant), tooLate])
      answered.abort()
      return moment ? estimate(task, moment, clock.now()) : undefined
    },
  }
}

async function look(
  { queue, recentRuns, lanes, watermarks, clock }: EstimateDependencies,
  lane: Lane,
  tenant: string,
): Promise<LaneMoment> {
  const [{ visible, inFlight }, runs, isMeantToRun, watermark] = await Promise.all([
    queue.depth(lane),
    recentRuns.read(lane, clock.now()),
    lanes.isMeantToRun(lane),
    watermarks.readWatermark(lane, tenant),
  ])
  return { waiting: visible, running: inFlight, isPaused: !isMeantToRun, watermark, runs }
}
