import { LANES, LIMITS } from '../../../contract.ts'
import { TaskRunnerError } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { HealthStore } from '../../ports/health-store.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { QueueDepths } from '../../ports/task-queue.ts'

export interface HealthDependencies {
  readonly health: HealthStore
  readonly depths: QueueDepths
  readonly payloads: Pick<PayloadStore, 'keep' | 'read'>
  readonly clock: Clock
}

export interface HealthCheck {
  readonly isOk: boolean
  /** What is wrong. Contains no resource names and no caller data. */
  readonly message: string
  readonly tookMs: number
}

export interface HealthReport {
  readonly isOk: boolean
  readonly checks: Readonly<Record<'table' | 'queues' | 'bucket' | 'sweeper', HealthCheck>>
  readonly lastSweepAt: number | undefined
}

/** The sweeper runs every minute; after five minutes without a run, lost messages are not repaired. */
const SWEEPER_PATIENCE_MS = 300_000
/** Large enough to be stored in the bucket rather than in a row. */
const PROBE = JSON.stringify('-'.repeat(LIMITS.inlineBytes))

/** Writes to and reads from every store and queue that a task needs; costs two table writes and one bucket write. */
export async function checkHealth({
  health,
  depths,
  payloads,
  clock,
}: HealthDependencies): Promise<HealthReport> {
  let lastSweepAt: number | undefined
  const [table, queues, bucket, sweeper] = await Promise.all([
    check(clock, () => health.probe(clock.now())),
    check(clock, () => Promise.all(LANES.map((lane) => depths.depth(lane)))),
    check(clock, async () => {
      const kept = await payloads.keep({ tenant: 'health', id: 'check' }, 'probe', PROBE)
      if ((await payloads.read(kept)) !== PROBE)
        throw new Error('it gave back something else than was written')
    }),
    check(clock, async () => {
      lastSweepAt = await health.lastSweep()
      const ageMs = lastSweepAt === undefined ? undefined : clock.now() - lastSweepAt
      if (ageMs !== undefined && ageMs > SWEEPER_PATIENCE_MS)
        throw new Error(`its last run ended ${Math.round(ageMs / 1_000)} s ago`)
    }),
  ])
  const checks = { table, queues, bucket, sweeper }
  return { isOk: Object.values(checks).every(({ isOk }) => isOk), checks, lastSweepAt }
}

async function check(clock: Clock, run: () => Promise<unknown>): Promise<HealthCheck> {
  const startedAt = clock.now()
  const tookMs = () => clock.now() - startedAt
  try {
    await run()
    return { isOk: true, message: 'ok', tookMs: tookMs() }
  } catch (error) {
    const isSafe = error instanceof TaskRunnerError || (error instanceof Error && error.constructor === Error)
    return { isOk: false, message: isSafe ? error.message : 'did not answer', tookMs: tookMs() }
  }
}
