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

/** An answer that this call paid for, or one of another task. */
export interface Shared {
  readonly answer: ModelAnswer
  /** The task that paid. */
  readonly sharedWith?: string
}

/** Between two looks at a call that another task makes. */
const LOOK_MS = 1_000
/** Every so many looks it is asked whether that task still runs. */
const LOOKS_A_CHECK = 10
/** How long an answer is kept for those who waited for it. */
const KEPT_MS = 600_000
/** Clocks of two environments may differ so much. */
const SKEW_MS = 5_000

/**
 * Makes a call, or takes the answer of the same call of another task of the tenant that is under way.
 *
 * One conditional write takes the lead. Who leads keeps its answer, then gives the lead back; the others look once a
 * second, in the slot that they would hold for a call of their own. Dying, being cancelled and failing all end a lead
 * without an answer: the first of the others to see it leads next and pays. A store that does not answer means no sharing.
 *
 * @param reuseMs how old an answer of before may be; left out: none is taken and none is left to later ones.
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
): Promise<Shared> {
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

/** The answer first, then the lead is given back: whoever sees it given back finds the answer. */
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
      // Paid for and at hand: the others pay for their own.
      (error) => log('call.unshared', { ...taskFields(task), ...causeFields(error) }),
    )
    return answer
  } finally {
    await sharedCalls
      .leave(key, me, clock.now(), keptUntil)
      // Its row says that the attempt is over.
      .catch((error) => log('call.unshared', { ...taskFields(task), ...causeFields(error) }))
  }
}

/** Waits until a lead is given back or taken over, or its attempt is over. */
async function untilLeft(
  { sharedCalls, store, clock }: ShareDependencies,
  tenant: string,
  key: { readonly tenant: string; readonly hash: string },
  seen: SeenCall,
  signal: AbortSignal,
): Promise<void> {
  const attempt = seen.token.slice(0, seen.token.lastIndexOf('.'))
  for (let looks = 0; ; looks += 1) {
    if (looks % LOOKS_A_CHECK === 0) {
      const row = await retryUnavailable(clock, () => store.get({ tenant, id: seen.id }))
      if (!row || row.token !== attempt || !isLeased(row, clock.now())) return
    }
    await clock.sleep(LOOK_MS, signal)
    signal.throwIfAborted()
    const now = await retryUnavailable(clock, () => sharedCalls.look(key))
    if (now?.token !== seen.token || now.keptUntil !== undefined) return
  }
}

/** An answer that is gone, too old, or cannot be read is none. */
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
