import { TIMING } from '../../../contract/timing.ts'
import { type Lane, LIMITS, URGENT_PRIORITY } from '../../../contract.ts'
import type { Held } from '../../domain/budget.ts'
import { RequestError } from '../../domain/errors.ts'
import type { Firing, Task, TaskKey } from '../../domain/task.ts'
import { soonest } from '../../domain/transitions.ts'
import type { Webhook } from '../../domain/webhook.ts'
import type { Parent } from '../../domain/workflow/workflow.ts'
import type { Clock, Ids } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { MessageSender } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { enqueue } from '../shared/enqueue.ts'
import { taskFields } from '../shared/task-fields.ts'

/** A request that was found valid: types checked, defaults filled in, model known. */
export interface Submission {
  readonly tenant: string
  readonly type: string
  /** The type's own lane; a high priority overrules it. */
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
  /** The schedule that makes it. */
  readonly firing?: Firing
  /** The workflow whose step this is. */
  readonly parent?: Parent
  readonly webhook?: Webhook
  /** Of tasks with the same one, one runs at a time. */
  readonly concurrencyKey?: string
  /** The most its calls may cost, as the caller said. */
  readonly maxCostMicroUsd?: number
  /** The most they can cost: what a budget holds for it. */
  readonly worstMicroUsd?: number
  /** A valid `traceparent`; left out, the task begins a trace of its own. */
  readonly trace?: string
  /** SHA-256 of the request in canonical form. */
  readonly bodyHash: string
  /** When its request came, by the gateway's clock. */
  readonly receivedAt?: number
}

/** What is asked of a task that wants to begin. */
export type AdmittedTask = TaskKey & Pick<Task, 'model' | 'worstMicroUsd'> & { readonly inputBytes?: number }

/**
 * Who wants the task to begin. `caller`: all limits hold. `retry`: a task that was let in once takes no submit again.
 * `inner`: steps of workflows and firings of schedules were let in with these; their money alone is asked for.
 */
export type Origin = 'caller' | 'retry' | 'inner'

export interface Admission {
  /**
   * @returns the place it holds.
   * @throws RequestError `limit_reached`, `budget_exhausted`.
   */
  readonly admit: (task: AdmittedTask, origin: Origin) => Promise<Held | undefined>
  /** Gives a place back that no task came to hold. */
  readonly giveBack: (key: TaskKey, held: Held) => Promise<void>
}

export interface SubmitDependencies {
  readonly store: TaskStore
  readonly queue: MessageSender
  readonly payloads: PayloadStore
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  /** Whether the tenant has webhook endpoints; asked from memory but for once in a while. */
  readonly hasEndpoints?: (tenant: string) => Promise<boolean>
  /** Its ends are added to its tenant's hours; whoever ends tasks must be able to. */
  readonly isTallied?: true
  /** Lets it in by its tenant's limits. */
  readonly admission?: Admission
}

export const laneOf = ({ lane, priority }: Pick<Submission, 'lane' | 'priority'>): Lane =>
  priority >= URGENT_PRIORITY ? 'urgent' : lane

/**
 * Accepts a task: one conditional write, one send.
 *
 * Dying after the write loses nothing: the row is due in a minute and the sweeper sends. So does a failed send,
 * only sooner. Hence no failure after the write reaches the caller.
 *
 * @throws RequestError `idempotency_key_reused` when the key came with another body.
 * @throws UnavailableError when the row could not be written; nothing was accepted then.
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
    // A replay is no new task: it is answered at the limit too.
    if (idempotencyKey !== undefined && (await store.get({ tenant, id }))) return undefined
    throw error
  })
  // A name of its own: neither a reused key nor the cleanup of an expired row with this id can touch another's input.
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
    dueAt: soonest(isParked ? startAt : startAt + TIMING.queuedPatienceMs, expiresAt),
    queuedAt: startAt,
    sends: isParked ? 0 : 1,
    history: [],
    writeId: ids.token(),
  }

  const outcome = await store.create(task)
  if (!outcome.created) {
    // Of a first task that is still open it is the very place that was taken then, and stays.
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
