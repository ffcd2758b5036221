import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { CALL_LIMITS, type Lane } from '../../../contract.ts'
import { BugError } from '../../domain/errors.ts'
import { parseMessage } from '../../domain/parse-message.ts'
import type { TaskMessage } from '../../domain/task.ts'
import type { DeadDelivery, DeadLetters } from '../../ports/dead-letters.ts'
import type {
  MessageDeliveries,
  MessageSender,
  OutgoingMessage,
  QueueDepth,
  QueueDepths,
} from '../../ports/task-queue.ts'
import { callAws } from '../aws/failures.ts'

/** Long enough to walk through a queue without meeting the same letter again. */
const LETTER_HIDDEN_SECONDS = 20

export type QueueUrls = Partial<Readonly<Record<Lane, string>>>

/** `useQueueUrlAsEndpoint` is off: the endpoint is the Region's or `AWS_ENDPOINT_URL_SQS`, never a URL out of data. */
export const createSqsClient = (): SQSClient =>
  new SQSClient({ useQueueUrlAsEndpoint: false, maxAttempts: 3, requestHandler: CALL_LIMITS })

export class SqsTaskQueue implements MessageSender, MessageDeliveries, QueueDepths, DeadLetters {
  readonly #client: SQSClient
  readonly #urls: QueueUrls
  readonly #deadUrls: QueueUrls

  constructor(client: SQSClient, urls: QueueUrls, deadUrls: QueueUrls) {
    this.#client = client
    this.#urls = urls
    this.#deadUrls = deadUrls
  }

  async send(lane: Lane, message: TaskMessage, delaySeconds = 0): Promise<void> {
    const command = new SendMessageCommand({
      QueueUrl: this.#url(this.#urls, lane),
      MessageBody: JSON.stringify(message),
      MessageGroupId: groupOf(message.tenant),
      ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
    })
    await this.#guard('send', () => this.#client.send(command))
  }

  async sendAll(lane: Lane, messages: readonly OutgoingMessage[]): Promise<readonly boolean[]> {
    const command = new SendMessageBatchCommand({
      QueueUrl: this.#url(this.#urls, lane),
      Entries: messages.map(({ message, delaySeconds }, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify(message),
        MessageGroupId: groupOf(message.tenant),
        ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
      })),
    })
    const { Successful = [] } = await this.#guard('send', () => this.#client.send(command))
    const sent = new Set(Successful.map(({ Id }) => Id))
    return messages.map((_, index) => sent.has(String(index)))
  }

  async sendDead(lane: Lane, message: TaskMessage): Promise<void> {
    const mark = message.dead
    if (!mark) throw new BugError('A dead letter needs its mark.')
    const command = new SendMessageCommand({
      QueueUrl: this.#url(this.#deadUrls, lane),
      MessageBody: JSON.stringify(message),
      MessageGroupId: groupOf(message.tenant),
      // Attributes repeat the mark where the SQS console shows it.
      MessageAttributes: {
        ErrorCode: { DataType: 'String', StringValue: mark.code },
        Attempts: { DataType: 'Number', StringValue: String(mark.attempts) },
        Epoch: { DataType: 'Number', StringValue: String(message.epoch) },
      },
    })
    await this.#guard('dead-letter', () => this.#client.send(command))
  }

  async changeVisibility(lane: Lane, receipt: string, seconds: number): Promise<void> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: this.#url(this.#urls, lane),
      ReceiptHandle: receipt,
      VisibilityTimeout: Math.max(1, Math.min(Math.ceil(seconds), 43_200)),
    })
    await this.#guard('visibility', () => this.#client.send(command))
  }

  async changeVisibilityOfAll(lane: Lane, receipts: readonly string[], seconds: number): Promise<void> {
    await this.#hideAll(this.#url(this.#urls, lane), receipts, seconds)
  }

  async receiveMore(lane: Lane, most: number, waitSeconds: number, hiddenSeconds: number) {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#url(this.#urls, lane),
      MaxNumberOfMessages: most,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: hiddenSeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    })
    const { Messages = [] } = await this.#guard('receive', () => this.#client.send(command))
    return Messages.map(({ Body = '', ReceiptHandle = '', Attributes }) => ({
      message: parseMessage(Body),
      receipt: ReceiptHandle,
      receives: Number(Attributes?.ApproximateReceiveCount ?? 1),
    }))
  }

  async deleteAll(lane: Lane, receipts: readonly string[]): Promise<void> {
    await this.#deleteFrom(this.#url(this.#urls, lane), receipts)
  }

  async depth(lane: Lane): Promise<QueueDepth> {
    const { Attributes } = await this.#guard('depth', () =>
      this.#client.send(
        new GetQueueAttributesCommand({
          QueueUrl: this.#url(this.#urls, lane),
          AttributeNames: [
            'ApproximateNumberOfMessages',
            'ApproximateNumberOfMessagesNotVisible',
            'ApproximateNumberOfMessagesDelayed',
          ],
        }),
      ),
    )
    const read = (name: keyof NonNullable<typeof Attributes>) => Number(Attributes?.[name] ?? 0)
    return {
      visible: read('ApproximateNumberOfMessages'),
      inFlight: read('ApproximateNumberOfMessagesNotVisible'),
      delayed: read('ApproximateNumberOfMessagesDelayed'),
    }
  }

  async deadDepth(lane: Lane): Promise<number> {
    const command = new GetQueueAttributesCommand({
      QueueUrl: this.#url(this.#deadUrls, lane),
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    })
    const { Attributes } = await this.#guard('depth', () => this.#client.send(command))
    const { ApproximateNumberOfMessages = 0, ApproximateNumberOfMessagesNotVisible = 0 } = Attributes ?? {}
    return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible)
  }

  async receiveDead(lane: Lane): Promise<readonly DeadDelivery[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#url(this.#deadUrls, lane),
      MaxNumberOfMessages: 10,
      VisibilityTimeout: LETTER_HIDDEN_SECONDS,
    })
    const { Messages = [] } = await this.#guard('receive', () => this.#client.send(command))
    return Messages.map(({ Body = '', ReceiptHandle = '' }) => ({
      message: parseMessage(Body),
      receipt: ReceiptHandle,
    }))
  }

  async deleteDead(lane: Lane, receipts: readonly string[]): Promise<void> {
    await this.#deleteFrom(this.#url(this.#deadUrls, lane), receipts)
  }

  async #deleteFrom(QueueUrl: string, receipts: readonly string[]): Promise<void> {
    if (receipts.length === 0) return
    const Entries = receipts.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }))
    const command = new DeleteMessageBatchCommand({ QueueUrl, Entries })
    await this.#guard('delete', () => this.#client.send(command))
  }

  async showDead(lane: Lane, receipts: readonly string[]): Promise<void> {
    await this.#hideAll(this.#url(this.#deadUrls, lane), receipts, 1)
  }

  async #hideAll(QueueUrl: string, receipts: readonly string[], seconds: number): Promise<void> {
    const calls: Promise<unknown>[] = []
    for (let start = 0; start < receipts.length; start += 10) {
      const Entries = receipts
        .slice(start, start + 10)
        .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: seconds }))
      calls.push(this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries })))
    }
    // The queue's own visibility is the net under this call: later, not lost.
    await Promise.allSettled(calls)
  }

  #url(urls: QueueUrls, lane: Lane): string {
    const url = urls[lane]
    if (!url) throw new BugError(`This function has no queue URL of lane "${lane}".`)
    return url
  }

  #guard<Answer>(what: string, call: () => Promise<Answer>): Promise<Answer> {
    return callAws({ service: 'The queue', what }, call)
  }
}

/** SQS allows 1–128 of a few characters in a group id; any other tenant name is spelled in base64url. */
function groupOf(tenant: string): string {
  return /^[\x21-\x7e]{1,128}$/.test(tenant)
    ? tenant
    : Buffer.from(tenant).toString('base64url').slice(0, 128)
}
