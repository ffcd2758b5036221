import { ChangeMessageVisibilityCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import type { Lane } from '../../../contract.ts'
import { parseMessage } from '../../domain/parse-message.ts'
import type { MessageDeliveries, ReceivedMessage } from '../../ports/task-queue.ts'
import { callQueue, deleteAll, hideAll, type LaneQueues, urlOf } from './lane-queues.ts'

export class SqsMessageDeliveries implements MessageDeliveries {
  readonly #queues: LaneQueues

  constructor(queues: LaneQueues) {
    this.#queues = queues
  }

  async changeVisibility(lane: Lane, receipt: string, seconds: number): Promise<void> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: urlOf(this.#queues, lane),
      ReceiptHandle: receipt,
      VisibilityTimeout: Math.max(1, Math.min(Math.ceil(seconds), 43_200)),
    })
    await callQueue('visibility', () => this.#queues.client.send(command))
  }

  changeVisibilityOfAll(lane: Lane, receipts: readonly string[], seconds: number): Promise<void> {
    return hideAll(this.#queues, lane, receipts, seconds)
  }

  async receiveMore(
    lane: Lane,
    most: number,
    waitSeconds: number,
    hiddenSeconds: number,
  ): Promise<readonly ReceivedMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: urlOf(this.#queues, lane),
      MaxNumberOfMessages: most,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: hiddenSeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    })
    const { Messages = [] } = await callQueue('receive', () => this.#queues.client.send(command))
    return Messages.map(({ Body = '', ReceiptHandle = '', Attributes }) => ({
      message: parseMessage(Body),
      receipt: ReceiptHandle,
      receives: Number(Attributes?.ApproximateReceiveCount ?? 1),
    }))
  }

  deleteAll(lane: Lane, receipts: readonly string[]): Promise<void> {
    return deleteAll(this.#queues, lane, receipts)
  }
}
