import type { Payload } from '../domain/task.ts'

/** A model call that others may share, by what it asks. */
export interface CallKey {
  readonly tenant: string
  readonly hash: string
}

/** Who makes it: one call of one attempt of a task. */
export interface CallLeader {
  readonly id: string
  /** Of this very call; begins with the attempt's token and a dot. */
  readonly token: string
}

/** What a look at a call finds. */
export interface SeenCall extends CallLeader {
  /** Its answer is there and may be used until then; absent while it is under way. */
  readonly keptUntil?: number
}

/** What came of it. */
export interface SharedAnswer {
  readonly answeredAt: number
  /** JSON of the answer. */
  readonly value: Payload
}

/**
 * Who makes which model call, so that identical ones are made once. A lead has no end of its own: its task's row says
 * whether its attempt still lives. The answer is stored beside the row of the task that paid for it, and is erased with it.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface SharedCalls {
  /**
   * Takes the lead where nobody has it.
   *
   * @param instead token of a lead that is known to be over.
   * @returns who has it; undefined when it is taken, also when an answer of the store was lost before.
   */
  lead(call: CallKey, me: CallLeader, now: number, instead?: string): Promise<SeenCall | undefined>
  /** @returns undefined while nobody has it. */
  look(call: CallKey): Promise<SeenCall | undefined>
  /** Keeps the answer of a lead. @param reapAt seconds since 1970; from then on the store may drop it. */
  answer(tenant: string, leader: CallLeader, answer: SharedAnswer, reapAt: number): Promise<void>
  /** @returns undefined where none was kept, or it is gone. */
  answerOf(tenant: string, leader: CallLeader): Promise<SharedAnswer | undefined>
  /** Gives the lead back, or leaves its answer to whoever comes until then. Changes nothing where somebody else leads. */
  leave(call: CallKey, me: CallLeader, now: number, keptUntil?: number): Promise<void>
}
