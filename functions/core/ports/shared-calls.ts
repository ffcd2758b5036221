import type { Payload } from '../domain/task.ts'

/** Identifies a model call that several tasks may share, by its request. */
export interface CallKey {
  readonly tenant: string
  readonly hash: string
}

/** The call's maker: one call of one attempt of a task. */
export interface CallLeader {
  readonly id: string
  /** Unique per call; begins with the attempt's token and a dot. */
  readonly token: string
}

/** The state of a shared call. */
export interface SeenCall extends CallLeader {
  /** Its answer exists and may be used until this time; absent while the call is in progress. */
  readonly keptUntil?: number
}

/** The answer of a shared call. */
export interface SharedAnswer {
  readonly answeredAt: number
  /** JSON of the answer. */
  readonly value: Payload
}

/**
 * Chooses which of several equal model calls is made, so that it is made once. A lead never expires: the row of the leader's
 * task says whether its attempt still runs. The answer is stored beside that row, and is erased with it.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface SharedCalls {
  /**
   * Takes the lead unless another call has it.
   *
   * @param instead token of a lead that is known to be over.
   * @returns the present leader; undefined when this call leads, also when the answer of its earlier write was lost.
   */
  lead(call: CallKey, me: CallLeader, now: number, instead?: string): Promise<SeenCall | undefined>
  /** @returns undefined when there is no leader. */
  look(call: CallKey): Promise<SeenCall | undefined>
  /** Stores the leader's answer. @param reapAt seconds since 1970; from then on the store may delete it. */
  answer(tenant: string, leader: CallLeader, answer: SharedAnswer, reapAt: number): Promise<void>
  /** @returns undefined when there is no answer, or it is deleted. */
  answerOf(tenant: string, leader: CallLeader): Promise<SharedAnswer | undefined>
  /** Releases the lead; with `keptUntil`, its answer may be used until then. Has no effect when another call leads. */
  leave(call: CallKey, me: CallLeader, now: number, keptUntil?: number): Promise<void>
}
