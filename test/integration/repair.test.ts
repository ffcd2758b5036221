import { rm } from 'node:fs/promises'
import { ReceiveMessageCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changeAssembly } from '../faults/kit/change-assembly.ts'
import { Client } from '../fixtures/client.ts'
import { redrive } from '../fixtures/redrive.ts'
import { assemblyOf, openSqs, startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let assemblyDir: string
let sqs: SQSClient
beforeAll(async () => {
  // The default of a hundred receives takes minutes.
  assemblyDir = await changeAssembly(await assemblyOf({}), (resources) => {
    for (const { Type, Properties } of Object.values(resources))
      if (Type === 'AWS::SQS::Queue' && Properties.RedrivePolicy)
        Object.assign(Properties.RedrivePolicy as object, { maxReceiveCount: 10 })
  })
  running = await startTestRuntime({}, { assemblyDir })
  client = new Client(running.url)
  sqs = openSqs(running.endpoints.sqs, running.credentials)
  // Ten receives take a while, so the message is sent first and checked last.
  for (const MessageBody of ['not json', '{}', '{"v":99,"tenant":"default","id":"x","epoch":1}', '[]'])
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl('local-email'), MessageBody }))
})
afterAll(async () => {
  sqs.destroy()
  await running.stop()
  await rm(assemblyDir, { recursive: true, force: true })
})

const queueUrl = (part: string) => running.plan.queues.find(({ name }) => name.includes(part))?.url ?? ''

describe('repair', () => {
  it('a plain SQS redrive runs a failed task again, once; a second copy of the message does nothing', async () => {
    const { id } = await client.submit({ prompt: 'redrive me', model: 'simulated-fail-401' })
    expect(await client.done(id)).toMatchObject({ status: 'FAILED', epoch: 1 })
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl('deadlettersai'),
        WaitTimeSeconds: 5,
        VisibilityTimeout: 0,
        MessageAttributeNames: ['All'],
      }),
    )
    expect(await redrive(sqs, queueUrl('deadlettersai'), queueUrl('local-ai'), 1)).toBe(1)
    await client.until(id, ({ status, epoch }) => status === 'FAILED' && epoch === 2)
    // The old message once more, as a late duplicate.
    const [copy] = Messages
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: queueUrl('local-ai'),
        MessageBody: copy?.Body,
        MessageAttributes: copy?.MessageAttributes,
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect((await client.get(`/tasks/${id}`)).body).toMatchObject({ status: 'FAILED', epoch: 2, attempts: 1 })
  })

  it('an invalid message in a lane goes to the dead-letter queue, is not lost, and stops nothing else', async () => {
    const { id } = await client.submit({ type: 'example.add', input: { x: 2, y: 3 } })
    expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', result: 5 })
    const received = async () => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl('deadlettersemail'),
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 0,
        }),
      )
      return Messages.map(({ Body }) => Body)
    }
    await expect.poll(async () => (await received()).length, { timeout: 150_000, interval: 1_000 }).toBe(4)
    // Messages that were read become visible again a second later.
    const patience = { timeout: 30_000 }
    // A dry run lists them and keeps them. They are deleted on request; the lane's other dead letters stay.
    const redrive = async (body: object) =>
      (await client.post('/queues/email/redrive', body)).body as unknown as { unreadable: object[] }
    await expect.poll(async () => (await redrive({ dry_run: true })).unreadable.length, patience).toBe(4)
    const look = { dry_run: true, delete_unreadable: true }
    await expect.poll(async () => (await redrive(look)).unreadable.length, patience).toBe(4)
    await expect.poll(async () => (await received()).length, patience).toBe(4)
    expect((await redrive({ delete_unreadable: true })).unreadable).toHaveLength(4)
    await expect.poll(async () => (await received()).length, patience).toBe(0)
  })
})
