import { causeFields } from '../../domain/errors.ts'
import { isLeased, type Task } from '../../domain/task.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { ModelAnswer } from '../../ports/model-provider.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import type { CallLeader, SeenCall, SharedCalls } from '../../ports/shared-calls.ts'
import type { TaskStore } from '../../ports/task-store.ts'
import { retryUnavailable } from '../shared/retry-unavailable.ts'
import { taskFields } from '../shared/task-fields.ts'

export interface ShareDependencies {
  readonly sharedCalls: SharedCalls
  readonly store: Pick<TaskStore, 'get'>
  readonly payloads: Pick<PayloadStore, 'keep' | 'read'>
  readonly clock: Clock
  readonly log: Log
}

/** An answer, either paid for by this call or taken from another task. */
export interface SharedOutcome {
  readonly answer: ModelAnswer
  /** Id of the task that paid. */
  readonly sharedWith?: string
}

/** Time between two reads of a call that another task makes. */
const READ_INTERVAL_MS = 1_000
/** Number of reads between two checks whether that task still runs. */
const READS_PER_CHECK = 10
/** How long an answer is kept for the waiting tasks. */
const KEPT_MS = 600_000
/** Possible difference between the clocks of two environments. */
const SKEW_MS = 5_000

/**
 * Makes a call, or uses the answer of an equal call that another task of the tenant is making.
 *
 * One conditional write chooses the leader. The leader stores its answer, then releases the lead; the other tasks read once a
 * second, in the slot that their own call would need. A crash, a cancellation and a failure all end a lead without an answer: the
 * first waiting task that notices becomes the leader and pays. When the store does not answer, nothing is shared.
 *
 * @param reuseMs maximum age of an earlier answer; left out: no earlier answer is used, and none is kept for later calls.
 */
export async function shareCall(
  dependencies: ShareDependencies,
  {
    task,
    hash,
    nth,
    reuseMs,
    signal,
  }: {
    readonly task: Task
    readonly hash: string
    readonly nth: number
    readonly reuseMs?: number | undefined
    readonly signal: AbortSignal
  },
  call: () => Promise<ModelAnswer>,
): Promise<SharedOutcome> {
  const { sharedCalls, clock, log } = dependencies
  const { tenant } = task
  const key = { tenant, hash }
  const me = { id: task.id, token: `${task.token}.${nth}` }
  const askedAt = clock.now()
  let gone: string | undefined
  for (;;) {
    signal.throwIfAborted()
    let seen: SeenCall | undefined
    try {
      seen = await sharedCalls.lead(key, me, clock.now(), gone)
    } catch (error) {
      log('call.unshared', { ...taskFields(task), ...causeFields(error) })
      return { answer: await call() }
    }
    if (!seen) return { answer: await lead(dependencies, { task, key, me, reuseMs }, call) }
    const isUnderWay = seen.keptUntil === undefined
    if (isUnderWay) await untilLeft(dependencies, tenant, key, seen, signal)
    const maxAgeMs = isUnderWay ? SKEW_MS : reuseMs
    const answer = maxAgeMs !== undefined && (await answerOf(dependencies, tenant, seen, askedAt - maxAgeMs))
    if (answer) {
      log('call.shared', { ...taskFields(task), shared_with: seen.id })
      return { answer, sharedWith: seen.id }
    }
    gone = seen.token
  }
}

/** Stores the answer before it releases the lead, so that the waiting tasks find it. */
async function lead(
  { sharedCalls, payloads, clock, log }: ShareDependencies,
  {
    task,
    key,
    me,
    reuseMs,
  }: {
    readonly task: Task
    readonly key: { readonly tenant: string; readonly hash: string }
    readonly me: CallLeader
    readonly reuseMs: number | undefined
  },
  call: () => Promise<ModelAnswer>,
): Promise<ModelAnswer> {
  let keptUntil: number | undefined
  try {
    const answer = await call()
    const answeredAt = clock.now()
    const until = answeredAt + (reuseMs ?? 0)
    await retryUnavailable(clock, async () => {
      const value = await payloads.keep(task, `answer-${me.token}`, JSON.stringify(answer))
      const reapAt = Math.ceil(Math.max(until, answeredAt + KEPT_MS) / 1_000)
      await sharedCalls.answer(key.tenant, me, { answeredAt, value }, reapAt)
    }).then(
      () => {
        if (reuseMs !== undefined) keptUntil = until
      },
      // This task has its answer; the waiting tasks pay for their own.
      (error) => log('call.unshared', { ...taskFields(task), ...causeFields(error) }),
    )
    return answer
  } finally {
    await sharedCalls
      .leave(key, me, clock.now(), keptUntil)
      // The waiting tasks see from the task's row that the attempt is over.
      .catch((error) => log('call.unshared', { ...taskFields(task), ...causeFields(error) }))
  }
}

/** Waits until a lead is released or taken over, or its attempt is over. */
async function untilLeft(
  { sharedCalls, store, clock }: ShareDependencies,
  tenant: string,
  key: { readonly tenant: string; readonly hash: string },
  seen: SeenCall,
  signal: AbortSignal,
): Promise<void> {
  const attempt = seen.token.slice(0, seen.token.lastIndexOf('.'))
  for (let looks = 0; ; looks += 1) {
    if (looks % READS_PER_CHECK === 0) {
      const row = await retryUnavailable(clock, () => store.get({ tenant, id: seen.id }))
      if (!row || row.token !== attempt || !isLeased(row, clock.now())) return
    }
    await clock.sleep(READ_INTERVAL_MS, signal)
    signal.throwIfAborted()
    const now = await retryUnavailable(clock, () => sharedCalls.look(key))
    if (now?.token !== seen.token || now.keptUntil !== undefined) return
  }
}

/** @returns undefined for an answer that is deleted, too old or unreadable. */
async function answerOf(
  { sharedCalls, payloads, clock }: ShareDependencies,
  tenant: string,
  leader: CallLeader,
  since: number,
): Promise<ModelAnswer | undefined> {
  const kept = await retryUnavailable(clock, () => sharedCalls.answerOf(tenant, leader))
  if (!kept || kept.answeredAt < since) return undefined
  try {
    return JSON.parse(await payloads.read(kept.value)) as ModelAnswer
  } catch {
    return undefined
  }
}
