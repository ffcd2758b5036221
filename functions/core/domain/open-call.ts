/** Model calls that run at the provider without a connection. */
import type { Transition } from './transitions.ts'

export interface OpenCall {
  /** Identifies the call within the task; the same in every attempt. */
  readonly key: string
  /** The provider's id of the call. */
  readonly id: string
  readonly model: string
  /** An attempt read the answer and recorded its usage, but could not finish because of our infrastructure. */
  readonly isBooked?: true
}

/** Only the newest calls are kept, about 150 bytes each: every write of the row pays for its size. */
export const MAX_OPEN_CALLS = 20

/** Stores on the row which calls a later attempt may resume, before this attempt waits for them. */
export const noteCalls = (token: string, calls: readonly OpenCall[]): Transition => ({
  name: 'noteCalls',
  when: { statuses: ['PROCESSING'], token },
  set: { calls },
})
