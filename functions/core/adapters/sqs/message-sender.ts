import { SendMessageBatchCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import type { Lane } from '../../../contract.ts'
import type { TaskMessage } from '../../domain/task.ts'
import type { MessageSender, OutgoingMessage } from '../../ports/task-queue.ts'
import { callQueue, groupOf, type LaneQueues, urlOf } from './lane-queues.ts'

export class SqsMessageSender implements MessageSender {
  readonly #queues: LaneQueues

  constructor(queues: LaneQueues) {
    this.#queues = queues
  }

  async send(lane: Lane, message: TaskMessage, delaySeconds = 0): Promise<void> {
    const command = new SendMessageCommand({
      QueueUrl: urlOf(this.#queues, lane),
      MessageBody: JSON.stringify(message),
      MessageGroupId: groupOf(message.tenant),
      ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
    })
    await callQueue('send', () => this.#queues.client.send(command))
  }

  async sendAll(lane: Lane, messages: readonly OutgoingMessage[]): Promise<readonly boolean[]> {
    const command = new SendMessageBatchCommand({
      QueueUrl: urlOf(this.#queues, lane),
      Entries: messages.map(({ message, delaySeconds }, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify(message),
        MessageGroupId: groupOf(message.tenant),
        ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
      })),
    })
    const { Successful = [] } = await callQueue('send', () => this.#queues.client.send(command))
    const sent = new Set(Successful.map(({ Id }) => Id))
    return messages.map((_, index) => sent.has(String(index)))
  }
}
