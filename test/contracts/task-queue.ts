import {
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { beforeEach, describe, expect, it } from 'vitest'
import { SqsTaskQueue } from '../../functions/core/adapters/sqs/task-queue.ts'
import type { TaskMessage } from '../../functions/core/domain/task.ts'

const message = (id: string, more: Partial<TaskMessage> = {}): TaskMessage => ({
  v: 1,
  tenant: 'acme',
  id,
  epoch: 1,
  ...more,
})

let queues = 0

/** What the queue adapter must do on every SQS. `open` gives a client of one. */
export function taskQueueContract(name: string, open: () => Promise<SQSClient>): void {
  describe(`${name} keeps the contract of a task queue`, () => {
    let sqs: SQSClient
    let queue: SqsTaskQueue
    let url: string
    let deadUrl: string
    beforeEach(async () => {
      sqs = await open()
      queues += 1
      const create = async (QueueName: string) => {
        const Attributes = { VisibilityTimeout: '30' }
        const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))
        return QueueUrl ?? ''
      }
      url = await create(`lane-${queues}`)
      deadUrl = await create(`dead-${queues}`)
      queue = new SqsTaskQueue(sqs, { ai: url }, { ai: deadUrl })
    })

    async function receive(from = url, seconds = 2): Promise<Message[]> {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: from,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: seconds,
          MessageAttributeNames: ['All'],
        }),
      )
      return Messages
    }

    it('a message arrives as it was sent', async () => {
      await queue.send('ai', message('你好'))
      const [received, ...more] = await receive()
      expect(more).toEqual([])
      expect(JSON.parse(received?.Body ?? '')).toEqual(message('你好'))
    })

    it('any tenant name can be sent', async () => {
      const tenants = ['a', 'Ä ö', '你好', 'x'.repeat(300), 'a#b/c "d"', '!"#$%&()*+,-./:;<=>?@[]^_`{|}~']
      for (const tenant of tenants) await queue.send('ai', message('x', { tenant }))
      const seen: string[] = []
      for (let n = 0; n < 10 && seen.length < tenants.length; n += 1)
        for (const { Body } of await receive()) seen.push(JSON.parse(Body ?? '').tenant)
      expect(seen.toSorted()).toEqual(tenants.toSorted())
    })

    it('a delayed message is not to be seen before its time', async () => {
      const sentAt = Date.now()
      await queue.send('ai', message('later'), 2)
      expect(await receive(url, 0)).toEqual([])
      expect(await receive(url, 10)).toHaveLength(1)
      // Whole seconds: an emulator or AWS may round the start down.
      expect(Date.now() - sentAt).toBeGreaterThan(1_000)
    })

    it('a received message is hidden, and can be held longer or shorter', async () => {
      await queue.send('ai', message('held'))
      const [first] = await receive()
      expect(await receive(url, 0)).toEqual([])
      await queue.changeVisibility('ai', first?.ReceiptHandle ?? '', 1)
      const [second] = await receive(url, 10)
      expect(second?.MessageId).toBe(first?.MessageId)
      await queue.changeVisibility('ai', second?.ReceiptHandle ?? '', 60)
      await new Promise((resolve) => setTimeout(resolve, 1_200))
      expect(await receive(url, 0)).toEqual([])
    })

    it('holds 12 messages at once, and one that is gone does not matter', async () => {
      for (let n = 0; n < 12; n += 1) await queue.send('ai', message(`m${n}`))
      const receipts: string[] = []
      for (let n = 0; n < 10 && receipts.length < 12; n += 1)
        receipts.push(...(await receive()).map(({ ReceiptHandle = '' }) => ReceiptHandle))
      expect(receipts).toHaveLength(12)
      await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: receipts[0] }))
      await queue.changeVisibilityOfAll('ai', receipts, 1)
      let again = 0
      for (let n = 0; n < 10 && again < 11; n += 1) again += (await receive()).length
      expect(again).toBe(11)
    })

    it('a dead letter carries its mark in the body and as attributes', async () => {
      const dead = { code: 'provider_unauthorized', attempts: 3 } as NonNullable<TaskMessage['dead']>
      await queue.sendDead('ai', message('dead', { dead, epoch: 2 }))
      const [letter] = await receive(deadUrl)
      expect(JSON.parse(letter?.Body ?? '')).toEqual(message('dead', { dead, epoch: 2 }))
      expect(letter?.MessageAttributes).toMatchObject({
        ErrorCode: { DataType: 'String', StringValue: 'provider_unauthorized' },
        Attempts: { DataType: 'Number', StringValue: '3' },
        Epoch: { DataType: 'Number', StringValue: '2' },
      })
      expect(await receive(url, 0)).toEqual([])
    })

    it('tells what waits, what is in flight and what is delayed', async () => {
      await queue.send('ai', message('waiting'))
      await queue.send('ai', message('taken'))
      await queue.send('ai', message('delayed'), 600)
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 1, WaitTimeSeconds: 2 }),
      )
      expect(Messages).toHaveLength(1)
      await expect.poll(() => queue.depth('ai')).toMatchObject({ visible: 1, inFlight: 1, delayed: 1 })
    })

    it('a queue that does not exist is an unavailable one', async () => {
      const lost = new SqsTaskQueue(sqs, { ai: `${url}-none` }, {})
      await expect(lost.send('ai', message('x'))).rejects.toMatchObject({ code: 'unavailable' })
      await expect(lost.changeVisibilityOfAll('ai', ['x'], 1)).resolves.toBeUndefined()
    })
  })
}
