import { ATTEMPT } from '../../../contract/timing.ts'
import { type Lane, LIMITS } from '../../../contract.ts'
import { ConflictError, TaskError, TaskTimeoutError } from '../../domain/errors.ts'
import { followUpsOf } from '../../domain/follow-ups.ts'
import type { ModelUsage } from '../../domain/model-usage.ts'
import { decide, describeFailure, providerOf } from '../../domain/retry.ts'
import {
  type AttemptRecord,
  messageEpoch,
  type Payload,
  type Task,
  type TaskMessage,
} from '../../domain/task.ts'
import { claim, complete, fail, recordCancelledUsage, retryLater } from '../../domain/transitions.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ModelProviders } from '../../ports/model-provider.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { StepScope } from '../../ports/step-scope.ts'
import type { StepStore } from '../../ports/step-store.ts'
import type { TaskQueue } from '../../ports/task-queue.ts'
import type { TaskScope } from '../../ports/task-scope.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { type FollowUpSteps, followUp } from '../shared/follow-up.ts'
import { restartTask } from '../shared/restart-task.ts'
import { retentionFrom } from '../shared/retention.ts'
import { retryUnavailable } from '../shared/retry-unavailable.ts'
import { taskFields } from '../shared/task-fields.ts'
import { failureFields } from './failure-fields.ts'
import type { ProviderGate } from './guard-provider.ts'
import { meetOverlap } from './meet-overlap.ts'
import { type ModelMeter, meterModel } from './meter-model.ts'
import { refuseDelivery } from './refuse-delivery.ts'
import { openSteps, type TaskSteps } from './run-steps.ts'
import { type RunningAttempts, type SupervisedAttempt, superviseAttempt } from './supervise-attempt.ts'
import { makeTaskContext } from './task-context.ts'

/** The part of a task type that a worker needs; `defineTask` makes more of it. */
export interface RunnableTask {
  readonly name: string
  readonly retry: { readonly baseMs: number; readonly capMs: number }
  readonly input: { parseAsync(value: unknown): Promise<unknown> }
  readonly output: { parse(value: unknown): unknown }
  run(context: never): Promise<unknown>
}

/** One received message. */
export interface Delivery {
  readonly message: TaskMessage
  readonly receipt: string
}

export interface RunDependencies {
  readonly lane: Lane
  readonly store: TaskStore
  readonly queue: TaskQueue
  readonly payloads: PayloadStore
  readonly steps: StepStore
  readonly stepScope: StepScope
  readonly providers: ModelProviders
  readonly gate: ProviderGate
  readonly findTaskType: (name: string) => RunnableTask | undefined
  readonly labelOf: (model: string) => string
  readonly priceOf: (model: string, usage: ModelUsage) => number | null
  readonly defaultModel: string
  readonly retentionDays: number
  readonly followUps: FollowUpSteps
  /** Time of the last watermark write, by lane and tenant; lives as long as the execution environment. */
  readonly lastWatermarkAt: Map<string, number>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly inTaskScope: TaskScope
}

export interface BatchContext {
  /** When the function itself will be stopped. */
  readonly deadline: number
  /** Resolves when the messages' visibility was shrunk; a later `hold` must not be overtaken by it. */
  readonly shrunk: Promise<void>
  readonly running: RunningAttempts
  readonly recordClaim: (task: Task) => void
}

/** `done`: the message may be deleted. `again`: it must come back. */
export type Delivered = 'done' | 'again'

/**
 * Runs one delivery to the end of its attempt.
 *
 * Between any two side effects the process may die. After the claim: the lease ends, message and sweeper bring the task
 * back. After the provider answered and before `complete` landed: the attempt is paid for and made again; no order of
 * the two avoids that. After `complete`: the message returns, meets a final row and is deleted.
 *
 * @throws UnavailableError when table or queue did not answer; the message then comes back by its visibility.
 */
export async function runTask(
  dependencies: RunDependencies,
  { message, receipt }: Delivery,
  batch: BatchContext,
): Promise<Delivered> {
  const { store, clock, ids, log } = dependencies
  const token = ids.token()
  // A dead letter that came back by a redrive starts the next epoch; the condition makes it once per epoch.
  if (message.dead) await restartTask(dependencies, message, { epoch: message.epoch, statuses: ['FAILED'] })
  const claimed = await store.change(message, claim(messageEpoch(message), token, clock.now()))
  if (!claimed.changed || !claimed.task)
    return refuseDelivery(dependencies, message, receipt, claimed.task, batch.shrunk)

  const task = claimed.task
  batch.recordClaim(task)
  log('task.claimed', { ...taskFields(task), waited_ms: clock.now() - task.queuedAt })
  if (task.firing?.overlap) {
    const isSkipped = await meetOverlap(dependencies, task, token)
    if (isSkipped) return 'done'
  }
  const attempt = superviseAttempt(dependencies, task, token, receipt, batch)
  const meter = meterModel(dependencies, task, attempt.signal)
  const steps = openSteps(dependencies, task, token, attempt.signal)
  try {
    const result = await perform(dependencies, task, attempt, meter, steps, batch.deadline)
    return await finish(dependencies, steps.task(), token, attempt, meter, result)
  } catch (error) {
    return await endAttempt(dependencies, steps.task(), token, receipt, attempt, meter, error, batch)
  } finally {
    attempt.release()
  }
}

/** Runs the author's code under the attempt's deadline; the attempt ends with the signal even if the code goes on. */
async function perform(
  dependencies: RunDependencies,
  task: Task,
  attempt: SupervisedAttempt,
  meter: ModelMeter,
  steps: TaskSteps,
  deadline: number,
): Promise<Payload> {
  const { findTaskType, payloads, clock, inTaskScope } = dependencies
  const type = findTaskType(task.type)
  // Not the caller's fault: an old worker meets a new type in the middle of a deploy.
  if (!type)
    throw new TaskError(`This worker does not know the task type "${task.type}".`, {
      code: 'unknown_task_type',
      retry: 'counted',
    })
  const timeoutMs = Math.max(1_000, Math.min(task.timeoutMs, deadline - clock.now() - ATTEMPT.reserveMs))
  attempt.limit(timeoutMs, new TaskTimeoutError(timeoutMs))
  const input = await type.input.parseAsync(JSON.parse(await payloads.read(task.input)))
  const context = makeTaskContext(dependencies, { task, input, attempt, meter, steps })
  const output = await Promise.race([
    inTaskScope(taskFields(task), async () => type.run(context as never)),
    attempt.aborted,
  ])
  const parsed = parseOutput(type, output)
  const json = JSON.stringify(parsed) ?? 'null'
  if (Buffer.byteLength(json) > LIMITS.resultBytes)
    throw new TaskError(`The result is larger than ${LIMITS.resultBytes} bytes.`, {
      code: 'result_too_large',
    })
  return retryUnavailable(clock, () => payloads.keep(task, `result-${task.epoch}-${task.attempt}`, json))
}

function parseOutput(type: RunnableTask, output: unknown): unknown {
  try {
    return type.output.parse(output)
  } catch (cause) {
    throw new TaskError(
      `The task type "${type.name}" returned something that its output schema refuses: ${issuesOf(cause)}.`,
      { code: 'invalid_output', cause },
    )
  }
}

/** A schema's complaints with the path of each field. */
function issuesOf(cause: unknown): string {
  const { issues } = cause as { issues?: readonly { path: readonly PropertyKey[]; message: string }[] }
  if (!Array.isArray(issues)) return cause instanceof Error ? cause.message : String(cause)
  return issues
    .slice(0, 5)
    .map(({ path, message }) => `${['result', ...path.map(String)].join('.')}: ${message}`)
    .join('; ')
}

async function finish(
  dependencies: RunDependencies,
  task: Task,
  token: string,
  attempt: SupervisedAttempt,
  meter: ModelMeter,
  result: Payload,
): Promise<Delivered> {
  const { store, clock, log, retentionDays } = dependencies
  attempt.stopHeartbeat()
  const now = clock.now()
  const record = recordOf(task, now, 'completed', meter.provider())
  const retention = retentionFrom(now, retentionDays, { ...task, result })
  const end = { result, usage: meter.usage(), record, retention, pending: followUpsOf(task, 'COMPLETED') }
  const done = await retryUnavailable(clock, () => store.change(task, complete(token, now, end)))
  if (done.changed) {
    const askedFor = Math.max(task.createdAt, task.runAt ?? 0)
    log('task.completed', {
      ...taskFields(task),
      run_ms: now - (task.startedAt ?? now),
      total_ms: now - askedFor,
    })
    if (done.task) await followUp(dependencies, done.task)
    return 'done'
  }
  throw new ConflictError(done.task?.status === 'CANCELLED' ? 'cancelled' : 'lease_lost')
}

/** Decides what a failed attempt leaves behind: nothing (somebody else owns the row), a later attempt, or the end. */
async function endAttempt(
  dependencies: RunDependencies,
  task: Task,
  token: string,
  receipt: string,
  attempt: SupervisedAttempt,
  meter: ModelMeter,
  cause: unknown,
  { shrunk }: BatchContext,
): Promise<Delivered> {
  const { store, queue, clock, log, findTaskType, retentionDays, lane } = dependencies
  attempt.stopHeartbeat()
  const now = clock.now()
  const error = attempt.signal.aborted ? attempt.signal.reason : cause
  const { code } = describeFailure(error)
  const record = recordOf(task, now, code, meter.provider() ?? providerOf(error))
  if (error instanceof ConflictError) {
    log('task.stopped', { ...taskFields(task), code })
    const usage = meter.usage()
    if (error.code === 'cancelled' && usage)
      await store.change(task, recordCancelledUsage(task.epoch, token, usage, record))
    if (error.code === 'cancelled') return 'done'
    return refuseDelivery(dependencies, { ...task, v: 1 }, receipt, await store.get(task), shrunk)
  }
  const policy = findTaskType(task.type)?.retry ?? { baseMs: 2_000, capMs: 60_000 }
  const { attempt: begunAttempt, maxAttempts } = task
  const decision = decide(error, begunAttempt, maxAttempts, policy, now, clock.random(), meter.isPaid())
  if (decision.outcome === 'fail') {
    const end = {
      error: decision.error,
      usage: meter.usage(),
      record,
      retention: retentionFrom(now, retentionDays, task),
      pending: followUpsOf(task, 'FAILED'),
    }
    const ended = await retryUnavailable(clock, () => store.change(task, fail(token, now, end)))
    if (!ended.changed || !ended.task)
      return refuseDelivery(dependencies, { ...task, v: 1 }, receipt, ended.task, shrunk)
    log('task.failed', { ...taskFields(task), code, ...failureFields(error) })
    // What cannot be done now is the sweeper's: the row stays due. The message has done its work.
    await followUp(dependencies, ended.task)
    return 'done'
  }
  const { wait, isCounted } = decision
  const begun = isCounted ? task.attempt : task.attempt - 1
  const parked = await retryUnavailable(clock, () =>
    store.change(
      task,
      // Only counted attempts go into `history`; waits at an open circuit do not.
      retryLater(
        token,
        now,
        wait,
        decision.error,
        meter.usage(),
        isCounted ? record : undefined,
        begun,
        code === 'circuit_open' ? (task.parkedSince ?? now) : undefined,
      ),
    ),
  )
  if (!parked.changed) return refuseDelivery(dependencies, { ...task, v: 1 }, receipt, parked.task, shrunk)
  log(isCounted ? 'task.retrying' : 'task.parked', {
    ...taskFields(task),
    code,
    ...failureFields(error),
    retry_in_ms: wait.until - now,
  })
  if (wait.by === 'sweeper') return 'done'
  await shrunk
  await queue.changeVisibility(lane, receipt, Math.ceil((wait.until - clock.now()) / 1_000))
  return 'again'
}

const recordOf = (task: Task, now: number, outcome: string, provider: string | undefined): AttemptRecord => ({
  epoch: task.epoch,
  attempt: task.attempt,
  startedAt: task.startedAt ?? now,
  endedAt: now,
  outcome,
  ...(provider ? { provider } : {}),
})
