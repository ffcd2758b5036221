import type { Lane } from '../../../contract.ts'
import { causeFields } from '../../domain/errors.ts'
import { kindOf, type RecentRun } from '../../domain/estimate.ts'
import type { Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { RecentRuns } from '../../ports/recent-runs.ts'

/** One write of some kilobytes per minute at any rate: some cents a month for a worker that is always busy. */
const KEEP_EVERY_MS = 60_000
const MAX_KINDS = 6
const MAX_RUNS_OF_A_KIND = 16

/** Collects the durations of recent runs of this execution environment, and stores them once a minute. */
export class RunNotes {
  readonly #runs = new Map<string, RecentRun[]>()
  readonly #worker: number
  #keptAt = Number.NEGATIVE_INFINITY

  constructor(random: number) {
    this.#worker = Math.floor(random * 1_000)
  }

  /** Never throws, because no other code depends on it. */
  async note(
    { lane, recentRuns, clock, log }: NoteDependencies,
    task: Pick<Task, 'type' | 'model'>,
    run: Omit<RecentRun, 'kind'>,
  ): Promise<void> {
    const kind = kindOf(task)
    const runs = this.#runs.get(kind) ?? []
    // Move the latest kind to the end, so that the kind unused for longest is removed first.
    this.#runs.delete(kind)
    this.#runs.set(kind, [...runs, { kind, ...run }].slice(-MAX_RUNS_OF_A_KIND))
    for (const oldest of this.#runs.keys()) if (this.#runs.size > MAX_KINDS) this.#runs.delete(oldest)
    const now = clock.now()
    if (now - this.#keptAt < KEEP_EVERY_MS) return
    this.#keptAt = now
    await recentRuns
      .keep(lane, this.#worker, [...this.#runs.values()].flat(), now)
      .catch((error) => log('runs.failed', { lane, ...causeFields(error) }))
  }
}

export interface NoteDependencies {
  readonly lane: Lane
  readonly recentRuns: RecentRuns
  readonly clock: Clock
  readonly log: Log
}
