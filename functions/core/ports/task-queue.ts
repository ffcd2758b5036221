import type { Lane } from '../../contract.ts'
import type { TaskMessage } from '../domain/task.ts'

/**
 * Carries task ids to workers, at least once, without an order. The row is the truth; a message only says that there is work.
 *
 * @throws UnavailableError when the queue does not answer; the message may or may not be in it then. MisconfiguredError when
 * it refuses the function.
 */
export interface MessageSender {
  /** Sends one message, fair by tenant, to be seen after the delay (whole seconds, at most 900). */
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

/** What a worker does with messages that it holds. Fails as `MessageSender` does. */
export interface MessageDeliveries {
  /** Hides a received message for whole seconds from the time of the call (at most 43,200). */
  changeVisibility(lane: Lane, receipt: string, seconds: number): Promise<void>
  /** Hides many received messages at once; used as a worker's first act. Best effort: never throws. */
  changeVisibilityOfAll(lane: Lane, receipts: readonly string[], seconds: number): Promise<void>
  /**
   * Up to ten messages, hidden for so many seconds from now; waits so long for the first. Without a message where the body
   * is not one of ours.
   */
  receiveMore(
    lane: Lane,
    most: number,
    waitSeconds: number,
    hiddenSeconds: number,
  ): Promise<readonly ReceivedMessage[]>
  /** Deletes up to ten received messages; one that is gone is fine. */
  deleteAll(lane: Lane, receipts: readonly string[]): Promise<void>
}

/** How much waits in a lane. Fails as `MessageSender` does. */
export interface QueueDepths {
  /** Roughly what waits; the numbers lag by up to a minute. */
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
