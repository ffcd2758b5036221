import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { describe, expect, it } from 'vitest'
import { SqsDeadLetters } from '../../functions/core/adapters/sqs/dead-letters.ts'
import { SqsMessageDeliveries } from '../../functions/core/adapters/sqs/message-deliveries.ts'
import { SqsMessageSender } from '../../functions/core/adapters/sqs/message-sender.ts'
import { SqsQueueDepths } from '../../functions/core/adapters/sqs/queue-depths.ts'
import type { TaskMessage } from '../../functions/core/domain/task.ts'
import { message, type QueueBench, taskQueueContract } from './task-queue.ts'

let benches = 0

/** A separate lane in a running SQS. */
async function openSqsBench(sqs: SQSClient) {
  benches += 1
  const create = async (QueueName: string, more: Record<string, string> = {}) => {
    const Attributes = { VisibilityTimeout: '30', ...more }
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))
    return QueueUrl ?? ''
  }
  const deadUrl = await create(`dead-${benches}`)
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: deadUrl, AttributeNames: ['QueueArn'] }),
  )
  const redrive = { deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: 3 }
  const url = await create(`lane-${benches}`, { RedrivePolicy: JSON.stringify(redrive) })
  const queues = { client: sqs, urls: { ai: url } }
  const bench: QueueBench = {
    queue: new SqsMessageSender(queues),
    deliveries: new SqsMessageDeliveries(queues),
    depths: new SqsQueueDepths(queues),
    deadLetters: new SqsDeadLetters({ client: sqs, urls: { ai: deadUrl } }),
    receive: async (waitSeconds) => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: waitSeconds }),
      )
      return Messages.map(({ Body = '', ReceiptHandle = '' }) => ({
        message: JSON.parse(Body) as TaskMessage,
        receipt: ReceiptHandle,
      }))
    },
    remove: async (ReceiptHandle) => {
      await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
    },
    now: Date.now,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }
  return { ...bench, url, deadUrl }
}

/** The port's contract, and tests of what only SQS has. */
export function sqsQueueContract(name: string, sqs: SQSClient): void {
  taskQueueContract(name, () => openSqsBench(sqs))

  describe(`${name} in place of SQS`, () => {
    it('copies the error of a dead letter to message attributes, which the AWS console shows', async () => {
      const { deadLetters, deadUrl } = await openSqsBench(sqs)
      const dead = { code: 'provider_unauthorized', attempts: 3 } as NonNullable<TaskMessage['dead']>
      await deadLetters.sendDead('ai', message('dead', { dead, epoch: 2 }))
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: deadUrl, WaitTimeSeconds: 5, MessageAttributeNames: ['All'] }),
      )
      expect(Messages[0]?.MessageAttributes).toMatchObject({
        ErrorCode: { DataType: 'String', StringValue: 'provider_unauthorized' },
        Attempts: { DataType: 'Number', StringValue: '3' },
        Epoch: { DataType: 'Number', StringValue: '2' },
      })
    })

    it('returns a dead letter that cannot be parsed without a message', async () => {
      const { deadLetters, deadUrl } = await openSqsBench(sqs)
      await sqs.send(new SendMessageCommand({ QueueUrl: deadUrl, MessageBody: 'not json' }))
      await expect
        .poll(() => deadLetters.receiveDead('ai'))
        .toMatchObject([{ message: undefined, messageId: expect.any(String), bytes: 8 }])
    })

    it('fails to send to a queue that does not exist, and ignores changes of visibility there', async () => {
      const { url } = await openSqsBench(sqs)
      const lost = { client: sqs, urls: { ai: `${url}-none` } }
      await expect(new SqsMessageSender(lost).send('ai', message('x'))).rejects.toThrow('queue')
      const deliveries = new SqsMessageDeliveries(lost)
      await expect(deliveries.changeVisibilityOfAll('ai', ['x'], 1)).resolves.toBeUndefined()
    })
  })
}
