import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import type { Lane } from '../../../contract.ts'
import { BugError } from '../../domain/errors.ts'
import { parseMessage } from '../../domain/parse-message.ts'
import type { TaskMessage } from '../../domain/task.ts'
import type { DeadDelivery, DeadLetters } from '../../ports/dead-letters.ts'
import { callQueue, deleteAll, groupOf, hideAll, type LaneQueues, urlOf } from './lane-queues.ts'
import { readAttributes } from './queue-depths.ts'

/** Long enough to read a queue without receiving the same message again. */
const HIDDEN_SECONDS = 20

/** @param queues the lanes' dead-letter queues. */
export class SqsDeadLetters implements DeadLetters {
  readonly #queues: LaneQueues

  constructor(queues: LaneQueues) {
    this.#queues = queues
  }

  async sendDead(lane: Lane, message: TaskMessage): Promise<void> {
    const mark = message.dead
    if (!mark) throw new BugError('A dead letter needs its mark.')
    const command = new SendMessageCommand({
      QueueUrl: urlOf(this.#queues, lane),
      MessageBody: JSON.stringify(message),
      MessageGroupId: groupOf(message.tenant),
      // The same fields as attributes, because the SQS console shows those.
      MessageAttributes: {
        ErrorCode: { DataType: 'String', StringValue: mark.code },
        Attempts: { DataType: 'Number', StringValue: String(mark.attempts) },
        Epoch: { DataType: 'Number', StringValue: String(message.epoch) },
      },
    })
    await callQueue('dead-letter', () => this.#queues.client.send(command))
  }

  async deadDepth(lane: Lane): Promise<number> {
    const [visible, inFlight] = await readAttributes(this.#queues, lane, [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
    ])
    return visible + inFlight
  }

  async receiveDead(lane: Lane): Promise<readonly DeadDelivery[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: urlOf(this.#queues, lane),
      MaxNumberOfMessages: 10,
      VisibilityTimeout: HIDDEN_SECONDS,
    })
    const { Messages = [] } = await callQueue('receive', () => this.#queues.client.send(command))
    return Messages.map(({ Body = '', ReceiptHandle = '', MessageId = '' }) => ({
      message: parseMessage(Body),
      messageId: MessageId,
      bytes: Buffer.byteLength(Body),
      receipt: ReceiptHandle,
    }))
  }

  deleteDead(lane: Lane, receipts: readonly string[]): Promise<void> {
    return deleteAll(this.#queues, lane, receipts)
  }

  showDead(lane: Lane, receipts: readonly string[]): Promise<void> {
    return hideAll(this.#queues, lane, receipts, 1)
  }
}
