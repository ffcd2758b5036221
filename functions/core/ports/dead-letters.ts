import type { Lane } from '../../contract.ts'
import type { TaskMessage } from '../domain/task.ts'

/**
 * The lanes' dead-letter queues, which list failed tasks.
 *
 * @throws UnavailableError when the queue does not answer. MisconfiguredError when it refuses the function.
 */
export interface DeadLetters {
  /** Puts a marked message into the lane's dead-letter queue. */
  sendDead(lane: Lane, message: TaskMessage): Promise<void>
  /** Approximate number of dead letters, including those that are received at the moment. */
  deadDepth(lane: Lane): Promise<number>
  /** Up to ten dead letters, made invisible for some seconds; without `message` when the body is not the product's. */
  receiveDead(lane: Lane): Promise<readonly DeadDelivery[]>
  /** Deletes up to ten; deleting one that is already deleted succeeds. */
  deleteDead(lane: Lane, receipts: readonly string[]): Promise<void>
  /** Makes received dead letters visible again. Best effort: never throws. */
  showDead(lane: Lane, receipts: readonly string[]): Promise<void>
}

export interface DeadDelivery {
  readonly message: TaskMessage | undefined
  readonly messageId: string
  readonly bytes: number
  readonly receipt: string
}
