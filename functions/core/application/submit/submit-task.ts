import { TIMING } from '../../../contract/timing.ts'
import { type Lane, LIMITS, URGENT_PRIORITY } from '../../../contract.ts'
import type { Reservation } from '../../domain/budget.ts'
import { RequestError } from '../../domain/errors.ts'
import type { Firing, Task, TaskKey } from '../../domain/task.ts'
import { earliestDue } from '../../domain/transitions.ts'
import type { Webhook } from '../../domain/webhook.ts'
import type { Parent } from '../../domain/workflow/workflow.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { MessageSender } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { enqueue } from '../shared/enqueue.ts'
import { taskFields } from '../shared/task-fields.ts'

/** A validated request: input checked, defaults filled in, model known. */
export interface Submission {
  readonly tenant: string
  readonly type: string
  /** The type's lane; a high priority uses the urgent lane instead. */
  readonly lane: Lane
  readonly input: unknown
  readonly model: string | null
  readonly priority: number
  readonly maxAttempts: number
  readonly timeoutMs: number
  readonly tags: readonly string[]
  readonly runAt?: number
  readonly deadlineAt?: number
  readonly delayMs?: number
  readonly expiresInMs?: number
  readonly idempotencyKey?: string
  /** The schedule that created it. */
  readonly firing?: Firing
  /** The workflow that the task is a step of. */
  readonly parent?: Parent
  readonly webhook?: Webhook
  /** Only one of the tenant's tasks with the same key runs at a time. */
  readonly concurrencyKey?: string
  /** The caller's limit for the cost of its calls. */
  readonly maxCostMicroUsd?: number
  /** The highest possible cost: the amount that a budget reserves. */
  readonly worstMicroUsd?: number
  /** A valid `traceparent`; left out, the task begins a new trace. */
  readonly trace?: string
  /** SHA-256 of the request in canonical form. */
  readonly bodyHash: string
  /** When the request arrived, by the gateway's clock. */
  readonly receivedAt?: number
}

/** The fields of a task that its admission depends on. */
export type AdmittedTask = TaskKey & Pick<Task, 'model' | 'worstMicroUsd'> & { readonly inputBytes?: number }

/**
 * Which limits apply. `caller`: all. `retry`: all but the submit rate, because the task was submitted before. `inner`: only
 * the budget, because the workflow or schedule of the task was admitted before.
 */
export type Origin = 'caller' | 'retry' | 'inner'

export interface Admission {
  /**
   * @returns the reservation.
   * @throws RequestError `limit_reached`, `budget_exhausted`.
   */
  readonly admit: (task: AdmittedTask, origin: Origin) => Promise<Reservation | undefined>
  /** Frees a place whose task was not created. */
  readonly giveBack: (key: TaskKey, held: Reservation) => Promise<void>
}

export interface SubmitDependencies {
  readonly store: TaskStore
  readonly queue: MessageSender
  readonly payloads: PayloadStore
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  /** Whether the tenant has webhook endpoints; cached for some time. */
  readonly hasEndpoints?: (tenant: string) => Promise<boolean>
  /** Its end is added to the tenant's statistics. Every function that ends tasks must then support that. */
  readonly isTallied?: true
  /** Checks the tenant's limits. */
  readonly admission?: Admission
}

export const laneOf = ({ lane, priority }: Pick<Submission, 'lane' | 'priority'>): Lane =>
  priority >= URGENT_PRIORITY ? 'urgent' : lane

/**
 * Accepts a task: one conditional write, one send.
 *
 * A crash after the write loses nothing: the row is due in a minute and the sweeper sends the message; after a failed send
 * even earlier. So no failure after the write is reported to the caller.
 *
 * @throws RequestError `idempotency_key_reused` when the key was used with another body.
 * @throws UnavailableError when the row could not be written; then nothing was accepted.
 */
export async function submitTask(
  { store, queue, payloads, clock, ids, log, hasEndpoints, isTallied, admission }: SubmitDependencies,
  submission: Submission,
): Promise<{ readonly task: Task; readonly isReplay: boolean }> {
  const { tenant, idempotencyKey, bodyHash } = submission
  const now = clock.now()
  const id = idempotencyKey === undefined ? ids.taskId() : ids.derivedTaskId(tenant, idempotencyKey)
  const runAt = submission.runAt ?? (submission.delayMs ? now + submission.delayMs : undefined)
  const isLater = runAt !== undefined && runAt > now
  const startAt = isLater ? runAt : now
  const isParked = startAt - now > LIMITS.queueDelaySeconds * 1_000
  const expiresAt = submission.expiresInMs === undefined ? undefined : now + submission.expiresInMs

  const { model, maxCostMicroUsd, worstMicroUsd } = submission
  const json = JSON.stringify(submission.input)
  const asked = {
    tenant,
    id,
    model,
    inputBytes: Buffer.byteLength(json),
    ...(worstMicroUsd === undefined ? {} : { worstMicroUsd }),
  }
  const origin = submission.parent || submission.firing ? 'inner' : 'caller'
  const held = await admission?.admit(asked, origin).catch(async (error: unknown) => {
    // A replay creates no task, so it succeeds at the limit too.
    if (idempotencyKey !== undefined && (await store.get({ tenant, id }))) return undefined
    throw error
  })
  // A unique name, so that neither a reused key nor the cleanup of an expired row with this id can affect this input.
  const input = await payloads.keep({ tenant, id }, `input-${ids.token()}`, json)
  const task: Task = {
    tenant,
    id,
    type: submission.type,
    lane: laneOf(submission),
    priority: submission.priority,
    model,
    status: isLater ? 'SCHEDULED' : 'PENDING',
    epoch: 1,
    attempt: 0,
    maxAttempts: submission.maxAttempts,
    timeoutMs: submission.timeoutMs,
    input,
    tags: submission.tags,
    trace: submission.trace ?? ids.trace(),
    ...(submission.firing ? { firing: submission.firing } : {}),
    ...(submission.parent ? { parent: submission.parent } : {}),
    ...(submission.webhook ? { webhook: submission.webhook } : {}),
    ...(held ? { held } : {}),
    ...(submission.concurrencyKey === undefined ? {} : { concurrencyKey: submission.concurrencyKey }),
    ...(maxCostMicroUsd === undefined ? {} : { maxCostMicroUsd }),
    ...(worstMicroUsd === undefined ? {} : { worstMicroUsd }),
    ...(isTallied ? { isTallied: true } : {}),
    ...((await hasEndpoints?.(tenant)) ? { hasEndpoints: true } : {}),
    bodyHash,
    createdAt: now,
    ...(runAt === undefined ? {} : { runAt }),
    ...(submission.deadlineAt === undefined ? {} : { deadlineAt: submission.deadlineAt }),
    ...(expiresAt === undefined ? {} : { expiresAt, startBy: expiresAt }),
    claimableFrom: startAt,
    dueKind: isParked ? 'timed' : 'queued',
    dueAt: earliestDue(isParked ? startAt : startAt + TIMING.queuedPatienceMs, expiresAt),
    queuedAt: startAt,
    sends: isParked ? 0 : 1,
    history: [],
    writeId: ids.token(),
  }

  const outcome = await store.create(task)
  if (!outcome.created) {
    // For a replay of an open task it is the same place that was taken at first, and is kept.
    if (held && outcome.existing.held?.at !== held.at)
      await admission?.giveBack({ tenant, id }, held).catch(() => undefined)
    if (outcome.existing.bodyHash !== bodyHash)
      throw new RequestError(
        'idempotency_key_reused',
        'This Idempotency-Key was used with another request body. Use a new key for a new task.',
        [{ path: 'Idempotency-Key', message: `belongs to task ${outcome.existing.id}` }],
      )
    return { task: outcome.existing, isReplay: true }
  }

  if (!isParked) await enqueue({ store, queue, clock, log }, task, startAt)
  const acceptMs = Math.max(0, clock.now() - (submission.receivedAt ?? now))
  log('task.submitted', { ...taskFields(task), status: task.status, accept_ms: acceptMs })
  return { task, isReplay: false }
}
