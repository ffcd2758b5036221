import type { Lane } from '../../contract.ts'
import type { TaskMessage } from '../domain/task.ts'

/**
 * The lanes' dead-letter queues: they list what failed.
 *
 * @throws UnavailableError when the queue does not answer. MisconfiguredError when it refuses the function.
 */
export interface DeadLetters {
  /** Puts a marked message into the lane's dead-letter queue. */
  sendDead(lane: Lane, message: TaskMessage): Promise<void>
  /** Roughly how many dead letters there are, those that somebody looks at included. */
  deadDepth(lane: Lane): Promise<number>
  /** Up to ten dead letters, hidden for some seconds; without a message where the body is not one of ours. */
  receiveDead(lane: Lane): Promise<readonly DeadDelivery[]>
  /** Deletes up to ten; one that is gone is fine. */
  deleteDead(lane: Lane, receipts: readonly string[]): Promise<void>
  /** Ends the hiding of received dead letters. Best effort: never throws. */
  showDead(lane: Lane, receipts: readonly string[]): Promise<void>
}

export interface DeadDelivery {
  readonly message: TaskMessage | undefined
  readonly messageId: string
  readonly bytes: number
  readonly receipt: string
}
