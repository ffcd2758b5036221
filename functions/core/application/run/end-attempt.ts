import { ConflictError } from '../../domain/errors.ts'
import { followUpsOf } from '../../domain/follow-ups.ts'
import { appendToHistory } from '../../domain/history.ts'
import { ProviderLimitError } from '../../domain/provider-limit.ts'
import {
  type Decision,
  decideRetry,
  describeFailure,
  providerOf,
  toReadableError,
} from '../../domain/retry.ts'
import type { AttemptRecord, Task, Usage } from '../../domain/task.ts'
import {
  fail,
  recordCancelledUsage,
  recordTalliedCancelledUsage,
  retryLater,
} from '../../domain/transitions.ts'
import { followUp } from '../shared/follow-up.ts'
import { retentionFrom } from '../shared/retention.ts'
import { taskFields } from '../shared/task-fields.ts'
import { changeOwn } from './change-own.ts'
import { failureFields } from './failure-fields.ts'
import { keepRecording } from './keep-recording.ts'
import type { ModelMeter } from './meter-model.ts'
import { refuseDelivery } from './refuse-delivery.ts'
import type { BatchContext, Delivered, Delivery, RunDependencies } from './run-task.ts'
import type { StreamedText } from './stream-text.ts'
import type { SupervisedAttempt } from './supervise-attempt.ts'

/** One attempt that holds the lease of its task. */
export interface Attempt {
  readonly task: Task
  readonly token: string
  readonly delivery: Delivery
  readonly supervised: SupervisedAttempt
  readonly meter: ModelMeter
  readonly text: StreamedText
  readonly batch: BatchContext
}

const OTHER_POLICY = { baseMs: 2_000, capMs: 60_000 }

/** Ends a failed attempt: with no write when another attempt owns the row, with a later attempt, or with the end of the task. */
export async function endAttempt(
  dependencies: RunDependencies,
  attempt: Attempt,
  cause: unknown,
): Promise<Delivered> {
  const { task, supervised, meter, text, delivery } = attempt
  const { clock, findTaskType } = dependencies
  supervised.stopHeartbeat()
  await text.end()
  const error = supervised.signal.aborted ? supervised.signal.reason : toReadableError(cause)
  if (error instanceof ConflictError) return onConflict(dependencies, attempt, error)
  const decision = decideRetry(error, {
    task,
    policy: findTaskType(task.type)?.retry ?? OTHER_POLICY,
    now: clock.now(),
    random: clock.random(),
    isPaid: meter.isPaid(),
    ...(delivery.receives === undefined ? {} : { receives: delivery.receives }),
  })
  // An author's error may contain request headers with secrets, and the caller can read it in the task.
  const { mask = (text: string) => text } = dependencies
  const maskedError = { ...decision.error, message: mask(decision.error.message) }
  return decision.outcome === 'fail'
    ? onFailure(dependencies, attempt, error, { ...decision, error: maskedError })
    : onRetry(dependencies, attempt, error, { ...decision, error: maskedError })
}

/** Another writer owns the row: a caller cancelled the task, or another attempt took it over. */
async function onConflict(
  dependencies: RunDependencies,
  { task, token, delivery, meter, batch }: Attempt,
  { code }: ConflictError,
): Promise<Delivered> {
  const { store, clock, log } = dependencies
  log('task.stopped', { ...taskFields(task), code })
  if (code === 'lease_lost')
    return refuseDelivery(dependencies, delivery, await store.get(task), batch.shrunk)
  await meter.calls.cancel()
  const usage = meter.usage()
  const row = usage
    ? await recordUsage(dependencies, task, token, usage)
    : task.held && (await store.get(task))
  // No more money will be spent, so the reservation is released now instead of at the lease's end.
  if (row?.status === 'CANCELLED' && row.pending?.length && row.token === token)
    await followUp(dependencies, { ...row, claimableFrom: clock.now() })
  return 'done'
}

/** Records the usage of a cancelled attempt. For a task with statistics the row also lists that it must be added to them. */
async function recordUsage(
  { store, clock }: RunDependencies,
  task: Task,
  token: string,
  usage: Usage,
): Promise<Task | undefined> {
  // Repeated, because the follow-ups of the cancel may change the row's due time between the read and the write.
  for (let tries = 0; tries < 5 && task.isTallied; tries += 1) {
    const seen = await store.get(task)
    if (seen?.status !== 'CANCELLED' || seen.epoch !== task.epoch || seen.token !== token) return seen
    const owed = await store.change(task, recordTalliedCancelledUsage(seen, token, usage, clock.now()))
    if (owed.changed) return owed.task
  }
  return (await store.change(task, recordCancelledUsage(task.epoch, token, usage))).task
}

async function onFailure(
  dependencies: RunDependencies,
  { task, token, delivery, meter, batch }: Attempt,
  cause: unknown,
  { error }: Decision & { outcome: 'fail' },
): Promise<Delivered> {
  const { clock, log, retentionDays } = dependencies
  const now = clock.now()
  const end = {
    error,
    usage: meter.usage(),
    entry: appendToHistory(task, recordOf(task, now, error.code, meter.provider() ?? providerOf(cause))),
    retention: retentionFrom(now, retentionDays, task),
    pending: followUpsOf(task, 'FAILED'),
    calls: meter.calls.left(isOurFault(cause), true),
  }
  const ended = await changeOwn(dependencies, task, token, fail(token, now, end))
  if (!ended.changed || !ended.task) return refuseDelivery(dependencies, delivery, ended.task, batch.shrunk)
  log('task.failed', { ...taskFields(task), code: error.code, ...failureFields(cause, dependencies.mask) })
  await meter.calls.cancel()
  // Follow-ups that fail are left to the sweeper, because the row stays due. The message is not needed any more.
  await followUp(dependencies, ended.task)
  await keepRecording(dependencies, task, meter, { code: error.code })
  return 'done'
}

async function onRetry(
  dependencies: RunDependencies,
  { task, token, delivery, meter, batch }: Attempt,
  cause: unknown,
  { error, wait, isCounted }: Decision & { outcome: 'retry' },
): Promise<Delivered> {
  const { deliveries, clock, log, lane } = dependencies
  const now = clock.now()
  const later = {
    wait,
    error,
    usage: meter.usage(),
    calls: meter.calls.left(isOurFault(cause), false),
    attempt: isCounted ? task.attempt : task.attempt - 1,
    // Attempts that do not count are only counted, not listed: there may be many with the same error.
    ...(isCounted
      ? {
          entry: appendToHistory(
            task,
            recordOf(task, now, error.code, meter.provider() ?? providerOf(cause)),
          ),
        }
      : cause instanceof ProviderLimitError
        ? { modelWait: cause.wait }
        : { uncounted: { parkedSince: task.parkedSince ?? now, uncounted: (task.uncounted ?? 0) + 1 } }),
  }
  const parked = await changeOwn(dependencies, task, token, retryLater(token, now, later))
  if (!parked.changed) return refuseDelivery(dependencies, delivery, parked.task, batch.shrunk)
  log(isCounted ? 'task.retrying' : 'task.parked', {
    ...taskFields(task),
    code: error.code,
    ...failureFields(cause, dependencies.mask),
    retry_in_ms: wait.until - now,
  })
  if (isCounted) await keepRecording(dependencies, task, meter, { code: error.code })
  if (wait.by === 'sweeper') return 'done'
  await batch.shrunk
  await deliveries.changeVisibility(lane, delivery.receipt, Math.ceil((wait.until - clock.now()) / 1_000))
  return 'again'
}

/** The infrastructure failed, not the author's code or a provider: answers received so far stay valid. */
const isOurFault = (cause: unknown): boolean => !describeFailure(cause).isCounted

export const recordOf = (
  task: Task,
  now: number,
  outcome: string,
  provider: string | undefined,
): AttemptRecord => ({
  epoch: task.epoch,
  attempt: task.attempt,
  startedAt: task.startedAt ?? now,
  endedAt: now,
  outcome,
  ...(provider ? { provider } : {}),
})
