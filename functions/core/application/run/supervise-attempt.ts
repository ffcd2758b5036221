import { ATTEMPT, TIMING } from '../../../contract/timing.ts'
import type { Lane } from '../../../contract.ts'
import { clipEnd } from '../../domain/clip.ts'
import { ConflictError, causeFields } from '../../domain/errors.ts'
import type { Progress, Task, TaskKey } from '../../domain/task.ts'
import { renew, report } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { MessageDeliveries } from '../../ports/task-queue.ts'
import type { ChangeResult, TaskStore } from '../../ports/task-store.ts'
import { taskFields } from '../shared/task-fields.ts'

interface Dependencies {
  readonly lane: Lane
  readonly store: TaskStore
  readonly deliveries: MessageDeliveries
  readonly clock: Clock
  readonly log: Log
  readonly mask?: (text: string) => string
  /** Sends the webhooks of the event `progress`, after the progress was written. */
  readonly tellProgress?: (task: Task) => Promise<void>
}

/** The attempts that one invocation runs concurrently, so that one batched read can check all of them. */
export type RunningAttempts = Map<string, RunningAttempt>

export interface RunningAttempt {
  readonly key: TaskKey
  readonly token: string
  readonly since: number
  readonly abort: (reason: Error) => void
  /** Called when a client watches the task until this time. */
  readonly watch: (until: number) => void
}

export interface SupervisedAttempt {
  readonly signal: AbortSignal
  /** Rejects with the signal's reason. */
  readonly aborted: Promise<never>
  /** Reports progress; not every report is written. */
  readonly progress: (percent: number, message?: string) => void
  /** Aborts with this reason after this time. */
  readonly limit: (ms: number, reason: Error) => void
  /** Stops heartbeat and progress writes, so that none competes with the attempt's last write. */
  readonly stopHeartbeat: () => void
  readonly release: () => void
}

/** Progress is written after a second, later when it moved by 5 points or 2 s have passed. */
const PROGRESS_MS = 1_000
const PROGRESS_LAZY_MS = 2_000
const PROGRESS_STEP = 5
/** Interval at which a pending write checks whether progress has moved by 5 points. */
const PROGRESS_STEP_MS = 250

/**
 * Renews an attempt's lease and its message's visibility while it runs, writes its progress, and aborts it when another writer
 * owns the row.
 */
export function superviseAttempt(
  { lane, store, deliveries, clock, log, mask = (text) => text, tellProgress }: Dependencies,
  task: Task,
  token: string,
  receipt: string,
  {
    running,
    shrunk,
    watch,
  }: {
    readonly running: RunningAttempts
    readonly shrunk: Promise<void>
    readonly watch: RunningAttempt['watch']
  },
): SupervisedAttempt {
  const controller = new AbortController()
  const stopped = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true })
  })
  aborted.catch(() => undefined)
  running.set(token, {
    key: task,
    token,
    since: clock.now(),
    abort: (reason) => controller.abort(reason),
    watch,
  })

  const follow = (written: ChangeResult) => {
    if (!written.changed && !stopped.signal.aborted)
      controller.abort(new ConflictError(written.task?.status === 'CANCELLED' ? 'cancelled' : 'lease_lost'))
  }
  const failed = (what: string) => (error: unknown) =>
    log('heartbeat.failed', { ...taskFields(task), what, ...causeFields(error) })
  const throttle = new ProgressThrottle(clock.now())
  let telling: Promise<void> | undefined
  // Runs alongside the attempt. Progress reported while a webhook is being sent is skipped.
  const tell = (written: ChangeResult) => {
    if (!tellProgress || telling || !written.changed || !written.task?.progress) return
    telling = tellProgress(written.task).finally(() => {
      telling = undefined
    })
  }

  const keepHidden = async () => {
    await shrunk
    if (!stopped.signal.aborted)
      await deliveries.changeVisibility(lane, receipt, TIMING.visibilitySeconds).catch(failed('visibility'))
  }
  const beat = async () => {
    // The lease counts from before the claim was sent, and its answer may have come late.
    const first = task.claimableFrom - TIMING.leaseMs + TIMING.heartbeatMs - clock.now()
    for (let next = clock.sleep(Math.max(0, first), stopped.signal); ; ) {
      await next
      if (stopped.signal.aborted) return
      // Begins before the calls: otherwise slow ones would delay the next heartbeat, and the lease would end.
      next = clock.sleep(TIMING.heartbeatMs, stopped.signal)
      // A failed renewal is ignored: the 60 s lease leaves two more heartbeats.
      const renewed = store.change(task, renew(token, clock.now(), throttle.take(clock.now())))
      await Promise.all([renewed.then(follow, failed('lease')), keepHidden()])
    }
  }
  void beat()

  let isFlushing = false
  const flushProgress = async () => {
    if (isFlushing) return
    isFlushing = true
    while (throttle.isPending && !stopped.signal.aborted) {
      await clock.sleep(Math.min(throttle.waitMs(clock.now()), PROGRESS_STEP_MS), stopped.signal)
      if (stopped.signal.aborted || throttle.waitMs(clock.now()) > 0) continue
      const progress = throttle.take(clock.now())
      if (progress)
        await store.change(task, report(token, clock.now(), progress)).then((written) => {
          follow(written)
          tell(written)
        }, failed('progress'))
    }
    isFlushing = false
  }

  return {
    signal: controller.signal,
    aborted,
    progress: (percent, message = '') => {
      throttle.note(toProgress(percent, mask(String(message))))
      void flushProgress()
    },
    limit: (ms, reason) => {
      void clock.sleep(ms, stopped.signal).then(() => stopped.signal.aborted || controller.abort(reason))
    },
    stopHeartbeat: () => stopped.abort(),
    release: () => {
      stopped.abort()
      running.delete(token)
    },
  }
}

/** Authors may report any value. One that the table refuses would also fail the lease's renewal, so it is corrected here. */
const toProgress = (percent: unknown, message: unknown): Progress => {
  const number = Number(percent)
  return {
    percent: Number.isFinite(number) ? Math.max(0, Math.min(100, Math.round(number))) : 0,
    message: clipEnd(String(message), 300),
  }
}

class ProgressThrottle {
  #pending: Progress | undefined
  #written: Progress = { percent: 0, message: '' }
  #writtenAt: number

  constructor(now: number) {
    this.#writtenAt = now
  }

  get isPending(): boolean {
    return this.#pending !== undefined
  }

  note(progress: Progress): void {
    this.#pending = progress
  }

  /** How long to wait before writing the pending progress. */
  waitMs(now: number): number {
    const moved = Math.abs((this.#pending?.percent ?? 0) - this.#written.percent)
    return Math.max(0, this.#writtenAt + (moved >= PROGRESS_STEP ? PROGRESS_MS : PROGRESS_LAZY_MS) - now)
  }

  take(now: number): Progress | undefined {
    const progress = this.#pending
    if (!progress) return undefined
    this.#pending = undefined
    this.#written = progress
    this.#writtenAt = now
    return progress
  }
}

/**
 * Checks all running attempts with one read every 2 s. The provider call of a cancelled task is aborted within about 2 s of
 * the cancel.
 */
export async function watchLeases(
  { store, clock, log }: Pick<Dependencies, 'store' | 'clock' | 'log'>,
  running: RunningAttempts,
  until: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(ATTEMPT.cancelCheckMs, until)
    if (until.aborted) return
    const attempts = [...running.values()].filter(
      ({ since }) => clock.now() - since >= ATTEMPT.cancelCheckMs - 100,
    )
    if (attempts.length === 0) continue
    const keys = attempts.slice(0, 100).map(({ key: { tenant, id } }) => ({ tenant, id }))
    const leases = await store.readLeases(keys).catch((error) => {
      log('heartbeat.failed', { what: 'watch', ...causeFields(error) })
      return []
    })
    for (const { key, token, abort, watch } of attempts) {
      const lease = leases.find(({ tenant, id }) => id === key.id && tenant === key.tenant)
      if (lease?.status === 'CANCELLED') abort(new ConflictError('cancelled'))
      else if (lease && (lease.token !== token || lease.status !== 'PROCESSING'))
        abort(new ConflictError('lease_lost'))
      else if (lease?.watchedUntil !== undefined) watch(lease.watchedUntil)
    }
  }
}
