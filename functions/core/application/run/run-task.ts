import { ATTEMPT } from '../../../contract/timing.ts'
import { LIMITS } from '../../../contract.ts'
import type { Budget } from '../../domain/budget.ts'
import { checkShape, type Shape } from '../../domain/check-shape.ts'
import {
  ConflictError,
  RequestError,
  TaskError,
  TaskTimeoutError,
  UnavailableError,
} from '../../domain/errors.ts'
import { mayNameFiles } from '../../domain/file-links.ts'
import { followUpsOf } from '../../domain/follow-ups.ts'
import { appendToHistory, hasCrashedOften, hasNoAttemptLeft } from '../../domain/history.ts'
import { findUnwritable } from '../../domain/json-value.ts'
import type { ModelUsage } from '../../domain/model-usage.ts'
import { messageEpoch, type Payload, type Task, type TaskMessage } from '../../domain/task.ts'
import { claim, complete } from '../../domain/transitions.ts'
import type { ClaimWatermarks } from '../../ports/claim-watermarks.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { FileStore } from '../../ports/file-store.ts'
import type { HeavyWork } from '../../ports/heavy-work.ts'
import type { KeyTurns } from '../../ports/key-turns.ts'
import type { Log } from '../../ports/log.ts'
import type { Mailer } from '../../ports/mailer.ts'
import type { ModelProviders } from '../../ports/model-provider.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { SharedCalls } from '../../ports/shared-calls.ts'
import type { StepScope } from '../../ports/step-scope.ts'
import type { StepStore } from '../../ports/step-store.ts'
import type { MessageSender } from '../../ports/task-queue.ts'
import type { TaskScope } from '../../ports/task-scope.ts'
import type { ChangeResult, TaskStore } from '../../ports/task-store.ts'
import type { TextStream } from '../../ports/text-stream.ts'
import type { Upkeep } from '../../ports/upkeep.ts'
import type { UploadStore } from '../../ports/upload-store.ts'
import { type FollowUpSteps, followUp } from '../shared/follow-up.ts'
import type { RunningLimit } from '../shared/limit-running.ts'
import { restartTask } from '../shared/restart-task.ts'
import { retentionFrom } from '../shared/retention.ts'
import { retryUnavailable } from '../shared/retry-unavailable.ts'
import { takeTurn } from '../shared/take-turn.ts'
import { taskFields } from '../shared/task-fields.ts'
import type { Admission } from '../submit/submit-task.ts'
import { applyOverlapPolicy } from './apply-overlap-policy.ts'
import { changeOwn } from './change-own.ts'
import { type Attempt, endAttempt, recordOf } from './end-attempt.ts'
import type { ProviderGate } from './guard-provider.ts'
import type { Isolation } from './isolation.ts'
import { keepRecording } from './keep-recording.ts'
import type { ProviderLimiter } from './limit-provider.ts'
import { meterModel } from './meter-model.ts'
import type { NoteDependencies, RunNotes } from './note-runs.ts'
import type { RefillDependencies } from './refill.ts'
import { refuseDelivery, returnDelivery } from './refuse-delivery.ts'
import { openSteps, type TaskSteps } from './run-steps.ts'
import { StreamedText } from './stream-text.ts'
import { type RunningAttempts, superviseAttempt } from './supervise-attempt.ts'
import { makeTaskContext } from './task-context.ts'

/** The part of a task type that a worker needs; a subset of what `defineTask` returns. */
export interface RunnableTask {
  readonly name: string
  readonly retry: { readonly baseMs: number; readonly capMs: number }
  readonly input: Shape
  readonly output: { parse(value: unknown): unknown }
  run(context: never): Promise<unknown>
}

/** One received message. */
export interface Delivery {
  readonly message: TaskMessage
  readonly receipt: string
  /** How often the queue has delivered it, this time included. */
  readonly receives?: number
}

export interface RunDependencies extends RefillDependencies, Pick<NoteDependencies, 'recentRuns'> {
  readonly store: TaskStore
  readonly queue: MessageSender
  readonly watermarks: Pick<ClaimWatermarks, 'recordWatermark'>
  readonly payloads: PayloadStore
  readonly steps: StepStore
  readonly text: TextStream
  readonly stepScope: StepScope
  readonly heavyWork: HeavyWork
  readonly files: FileStore
  readonly uploads: UploadStore
  readonly mailer: Mailer
  readonly upkeep: Upkeep
  readonly providers: ModelProviders
  readonly gate: ProviderGate
  /** Keeps model calls within their providers' limits. */
  readonly limiter?: ProviderLimiter
  readonly findTaskType: (name: string) => RunnableTask | undefined
  readonly labelOf: (model: string) => string
  readonly priceOf: (model: string, usage: ModelUsage) => number | null
  readonly defaultModel: string
  /** Hides the secrets of this environment in a text that callers can read. */
  readonly mask?: (text: string) => string
  readonly retentionDays: number
  readonly followUps: FollowUpSteps
  /** Checks the limits for the next epoch of a failed task, which a redrive starts. */
  readonly admission?: Admission
  /** Sets the output limit of calls without one, on a stage where tenants have a budget. */
  readonly budget?: Budget | undefined
  readonly turns: KeyTurns
  readonly sharedCalls: SharedCalls
  readonly runningLimit?: RunningLimit
  /** Sends the webhooks of the event `started`, for a task's first attempt. */
  readonly tellStarted?: (task: Task) => Promise<void>
  /** Sends the webhooks of the event `progress`. Never rejects. */
  readonly tellProgress?: (task: Task) => Promise<void>
  /** Shared by all invocations of the execution environment. */
  readonly runNotes: RunNotes
  /** Time of the last watermark write, by lane and tenant; shared by all invocations of the execution environment. */
  readonly lastWatermarkAt: Map<string, number>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly inTaskScope: TaskScope
}

export interface BatchContext {
  /** When Lambda will stop the function. */
  readonly deadline: number
  /** Resolves when the messages' visibility timeout was shortened; later changes must come after it. */
  readonly shrunk: Promise<void>
  readonly running: RunningAttempts
  readonly isolation: Isolation
  readonly recordClaim: (task: Task) => void
}

/** `done`: the message may be deleted. `again`: it must be received again. */
export type Delivered = 'done' | 'again'

/**
 * Processes one delivery until its attempt ends.
 *
 * The process may stop between any two writes. After the claim: the lease ends, and message and sweeper bring the task
 * back. After the provider's answer and before `complete` is written: the attempt is paid for and made again, unless the
 * provider runs the call in the background, which the next attempt resumes (`open-calls.ts`). After `complete`: the
 * message returns, its row is final, and the message is deleted.
 *
 * @throws UnavailableError when table or queue did not answer; the message then becomes visible again.
 */
export async function runTask(
  dependencies: RunDependencies,
  delivery: Delivery,
  batch: BatchContext,
): Promise<Delivered> {
  const token = dependencies.ids.token()
  if (!batch.isolation.enter(token)) return returnDelivery(dependencies, delivery, batch.shrunk)
  try {
    return await runAttempt(dependencies, delivery, token, batch)
  } finally {
    batch.isolation.leave(token)
  }
}

async function runAttempt(
  dependencies: RunDependencies,
  delivery: Delivery,
  token: string,
  batch: BatchContext,
): Promise<Delivered> {
  const { message, receipt } = delivery
  const { clock, log } = dependencies
  // A dead letter that was redriven starts the next epoch; the write's condition ensures that it starts only once.
  if (message.dead) await restartDeadLetter(dependencies, message)
  const claimed = await claimTask(dependencies, message, token)
  if (!claimed.changed || !claimed.task)
    return refuseDelivery(dependencies, delivery, claimed.task, batch.shrunk)

  const task = claimed.task
  batch.recordClaim(task)
  log('task.claimed', { ...taskFields(task), waited_ms: clock.now() - task.queuedAt })
  if (task.firing?.overlap) {
    const isSkipped = await applyOverlapPolicy(dependencies, task, token)
    if (isSkipped) return 'done'
  }
  if (!(await takeTurn(dependencies, task, token))) return 'done'
  const place = await dependencies.runningLimit?.enter(task, token)
  if (place === 'waits') return 'done'
  // Runs alongside the attempt. If the process stops here, the event is not sent, and the next attempt does not send it.
  const startNotice = task.attempt === 1 ? dependencies.tellStarted?.(task) : undefined
  const text = new StreamedText(dependencies, task)
  const watch = (until: number) => text.watch(until)
  const supervised = superviseAttempt(dependencies, task, token, receipt, { ...batch, watch })
  const meter = meterModel(dependencies, task, supervised.signal)
  const stepKept = (step: string) => meter.calls.stepKept(step)
  const steps = openSteps(dependencies, task, token, supervised.signal, meter.addEarlierUsage, stepKept)
  const attempt = () => ({ task: steps.task(), token, delivery, supervised, meter, text, batch })
  try {
    const result = await perform(dependencies, attempt(), steps)
    return await finish(dependencies, attempt(), result)
  } catch (error) {
    return await endAttempt(dependencies, attempt(), error)
  } finally {
    supervised.release()
    await place?.leave()
    await startNotice
  }
}

/** When the tenant's limits refuse it, the task stays failed and can be retried by its id. */
async function restartDeadLetter(dependencies: RunDependencies, message: TaskMessage): Promise<void> {
  try {
    await restartTask(dependencies, message, { epoch: message.epoch, statuses: ['FAILED'] })
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    const { tenant, id } = message
    dependencies.log('task.restart_refused', { tenant, task_id: id, code: error.code })
  }
}

/** Claims a row with an expired lease conditional on the row read, so that the crashed attempt is added to the history. */
async function claimTask(
  dependencies: RunDependencies,
  message: TaskMessage,
  token: string,
): Promise<ChangeResult> {
  const { clock } = dependencies
  const epoch = messageEpoch(message)
  const claimed = await changeOwn(dependencies, message, token, claim(epoch, token, clock.now()))
  const seen = claimed.task
  if (
    claimed.changed ||
    seen?.status !== 'PROCESSING' ||
    seen.claimableFrom > clock.now() ||
    hasNoAttemptLeft(seen)
  )
    return claimed
  return changeOwn(dependencies, message, token, claim(epoch, token, clock.now(), seen))
}

/** Runs the author's code with the attempt's deadline. The attempt ends at the signal, even if the code runs on. */
async function perform(
  dependencies: RunDependencies,
  { task, token, supervised, meter, text, batch }: Attempt,
  steps: TaskSteps,
): Promise<Payload> {
  const { findTaskType, payloads, clock, log, inTaskScope } = dependencies
  const { deadline } = batch
  if (hasCrashedOften(task)) {
    log('task.isolated', taskFields(task))
    await batch.isolation.alone(token, supervised.signal)
    supervised.signal.throwIfAborted()
    // Earlier tasks may have used the invocation's time; in the next invocation this task has all of it.
    if (deadline - clock.now() - ATTEMPT.reserveMs < Math.min(task.timeoutMs, dependencies.maxAttemptMs))
      throw new UnavailableError('The invocation has too little time left to run the task alone.')
  }
  const type = findTaskType(task.type)
  // Not the caller's fault: during a deploy, an old worker can receive a task of a new type.
  if (!type)
    throw new TaskError(`This worker does not know the task type "${task.type}".`, {
      code: 'unknown_task_type',
      retry: 'counted',
    })
  const timeoutMs = Math.max(1_000, Math.min(task.timeoutMs, deadline - clock.now() - ATTEMPT.reserveMs))
  supervised.limit(timeoutMs, new TaskTimeoutError(timeoutMs))
  const input = await readInput(type, await payloads.read(task.input))
  const context = makeTaskContext(dependencies, { task, input, attempt: supervised, meter, text, steps })
  const output = await Promise.race([
    inTaskScope(taskFields(task), async () => type.run(context as never)),
    supervised.aborted,
  ])
  const json = writeOutput(type, output)
  if (Buffer.byteLength(json) > LIMITS.resultBytes)
    throw new TaskError(`The result is larger than ${LIMITS.resultBytes} bytes.`, {
      code: 'result_too_large',
    })
  const kept = await retryUnavailable(clock, () =>
    payloads.keep(task, `result-${task.epoch}-${task.attempt}`, json),
  )
  return 'key' in kept && mayNameFiles(json) ? { ...kept, hasFiles: true } : kept
}

/**
 * @throws TaskError `invalid_input` when the schema has changed since the submit. Tried again, because during a deploy an old
 * worker can receive the input of a newer version.
 */
async function readInput(type: RunnableTask, json: string): Promise<unknown> {
  const checked = await checkShape(type.input, JSON.parse(json), 'input')
  if (checked.isValid) return checked.value
  const wrong = checked.errors.slice(0, 5).map(({ path, message }) => `${path} ${message}`)
  throw new TaskError(`The task type "${type.name}" no longer accepts the input: ${wrong.join(' ')}`, {
    code: 'invalid_input',
    retry: 'counted',
  })
}

/** @throws TaskError `invalid_output`, never retried: the same code would return the same value again. */
function writeOutput(type: RunnableTask, output: unknown): string {
  const invalid = (message: string, cause?: unknown) =>
    new TaskError(`The task type "${type.name}" returned ${message}`, { code: 'invalid_output', cause })
  let parsed: unknown
  try {
    parsed = type.output.parse(output)
  } catch (cause) {
    throw invalid(`something that its output schema refuses: ${issuesOf(cause)}.`, cause)
  }
  try {
    // The output schema allows a type to return nothing.
    if (parsed === undefined) return 'null'
    const wrong = findUnwritable(parsed)
    // A custom `toJSON` may return undefined.
    if (!wrong) return JSON.stringify(parsed) ?? 'null'
    throw invalid(`what JSON cannot hold: ${wrong.path || 'the result'} ${wrong.reason}.`)
  } catch (cause) {
    throw cause instanceof TaskError ? cause : invalid('what cannot be written as JSON.', cause)
  }
}

/** The messages of a schema's issues, each with its field's path. */
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
  { task, token, supervised, meter, text }: Attempt,
  result: Payload,
): Promise<Delivered> {
  const { clock, log, retentionDays } = dependencies
  supervised.stopHeartbeat()
  // Before the end is written, so that a client that sees the end has received the whole text.
  await text.end()
  const now = clock.now()
  const entry = appendToHistory(task, recordOf(task, now, 'completed', meter.provider()))
  const retention = retentionFrom(now, retentionDays, { ...task, result })
  const end = { result, usage: meter.usage(), entry, retention, pending: followUpsOf(task, 'COMPLETED') }
  const done = await changeOwn(dependencies, task, token, complete(token, now, end))
  if (done.changed) {
    const runMs = now - (task.startedAt ?? now)
    const askedFor = Math.max(task.createdAt, task.runAt ?? 0)
    log('task.completed', {
      ...taskFields(task),
      run_ms: runMs,
      total_ms: now - askedFor,
    })
    const costMicroUsd = done.task?.usage?.costMicroUsd ?? null
    const noted = dependencies.runNotes.note(dependencies, task, { ms: runMs, costMicroUsd })
    if (done.task) await followUp(dependencies, done.task)
    await keepRecording(dependencies, task, meter, { result })
    await noted
    return 'done'
  }
  throw new ConflictError(done.task?.status === 'CANCELLED' ? 'cancelled' : 'lease_lost')
}
