import type { Lane } from '../../contract.ts'
import type { TaskMessage } from '../domain/task.ts'

/**
 * Carries task ids to workers, at least once, in no guaranteed order. A message only says that there is work; the row has the
 * task's state.
 *
 * @throws UnavailableError when the queue does not answer; then the message may or may not be in it. MisconfiguredError when
 * it refuses the function.
 */
export interface MessageSender {
  /** Sends one message, fair by tenant, which becomes visible after the delay (whole seconds, at most 900). */
  send(lane: Lane, message: TaskMessage, delaySeconds?: number): Promise<void>
  /**
   * Sends up to ten in one call.
   * @returns for each whether it was sent.
   */
  sendAll(lane: Lane, messages: readonly OutgoingMessage[]): Promise<readonly boolean[]>
}

export interface OutgoingMessage {
  readonly message: TaskMessage
  readonly delaySeconds: number
}

/** A worker's operations on received messages. Throws like `MessageSender`. */
export interface MessageDeliveries {
  /** Makes a received message invisible for whole seconds from now (at most 43,200). */
  changeVisibility(lane: Lane, receipt: string, seconds: number): Promise<void>
  /** The same for many messages at once; a worker's first call. Best effort: never throws. */
  changeVisibilityOfAll(lane: Lane, receipts: readonly string[], seconds: number): Promise<void>
  /**
   * Up to ten messages, made invisible for some seconds; waits up to `waitSeconds` for the first. Without `message` when the
   * body is not the product's.
   */
  receiveMore(
    lane: Lane,
    most: number,
    waitSeconds: number,
    hiddenSeconds: number,
  ): Promise<readonly ReceivedMessage[]>
  /** Deletes up to ten received messages; deleting one that is already deleted succeeds. */
  deleteAll(lane: Lane, receipts: readonly string[]): Promise<void>
}

/** The number of messages in a lane. Throws like `MessageSender`. */
export interface QueueDepths {
  /** Approximate numbers, up to a minute old. */
  depth(lane: Lane): Promise<QueueDepth>
}

export interface ReceivedMessage {
  readonly message: TaskMessage | undefined
  readonly receipt: string
  /** How often it was received, this time included. */
  readonly receives: number
}

export interface QueueDepth {
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
}
