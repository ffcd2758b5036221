/** Model calls that a provider runs whether or not anybody is connected. */
import type { Transition } from './transitions.ts'

export interface OpenCall {
  /** Which call of the task it is; the same in every attempt. */
  readonly key: string
  /** As the provider names it. */
  readonly id: string
  readonly model: string
  /** Its answer was read by an attempt that has booked it and could not finish for a reason of ours. */
  readonly isBooked?: true
}

/** The newest so many, some 150 bytes each: every write of the row pays for its size. */
export const MAX_OPEN_CALLS = 20

/** Says on the row which calls a later attempt may attach to, before they are waited for. */
export const noteCalls = (token: string, calls: readonly OpenCall[]): Transition => ({
  name: 'noteCalls',
  when: { statuses: ['PROCESSING'], token },
  set: { calls },
})
