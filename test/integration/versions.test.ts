import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { openSqs, startTestRuntime } from '../fixtures/running.ts'
import deadLetter from '../fixtures/shapes/v1-dead-letter.json' with { type: 'json' }
import failedRow from '../fixtures/shapes/v1-failed-row.json' with { type: 'json' }
import message from '../fixtures/shapes/v1-message.json' with { type: 'json' }
import pendingRow from '../fixtures/shapes/v1-pending-row.json' with { type: 'json' }

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let sqs: SQSClient
let table: DynamoDBDocumentClient
let TableName: string
beforeAll(async () => {
  running = await startTestRuntime()
  client = new Client(running.url)
  sqs = openSqs(running.endpoints.sqs, running.credentials)
  const dynamo = new DynamoDBClient({
    endpoint: running.endpoints.dynamodb,
    region: 'eu-central-1',
    credentials: running.credentials,
  })
  table = DynamoDBDocumentClient.from(dynamo)
  TableName = running.plan.tables[0]?.name ?? ''
})
afterAll(async () => {
  sqs.destroy()
  table.destroy()
  await running.stop()
})

const put = (Item: object) => table.send(new PutCommand({ TableName, Item: { ...Item } }))
const send = (body: object) =>
  sqs.send(
    new SendMessageCommand({
      QueueUrl: running.plan.queues.find(({ name }) => name.endsWith('local-demo'))?.url,
      MessageBody: JSON.stringify(body),
    }),
  )

/** During a deployment old and new versions use the same rows and queues; an old version may run a batch for minutes. */
describe('rows and messages of other versions', () => {
  it('a recorded message of version 1 runs its recorded row', async () => {
    await put(pendingRow)
    await send(message)
    expect(await client.done(pendingRow.id)).toMatchObject({ status: 'COMPLETED', result: 42, attempts: 1 })
  })

  it('a recorded dead letter of version 1 starts the next epoch of its recorded row', async () => {
    await put(failedRow)
    expect((await client.get(`/tasks/${failedRow.id}`)).body).toMatchObject({
      status: 'FAILED',
      error: { code: 'task_failed' },
    })
    await send(deadLetter)
    const task = await client.until(failedRow.id, ({ status }) => status === 'COMPLETED')
    expect(task).toMatchObject({ epoch: 2, attempts: 1, result: 2 })
    expect(task.history).toHaveLength(2)
  })

  it('attributes that a newer version added to row and message are kept, and cause no error', async () => {
    const id = '01k0recorded00000000000003'
    const key = { pk: `T#default#${id}`, sk: 'S' }
    await put({ ...pendingRow, ...key, id, createdKey: `01795521600000#${id}`, fromTheFuture: { a: [1, 2] } })
    await send({ ...message, id, alsoNew: true })
    expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', result: 42 })
    const { Item } = await table.send(new GetCommand({ TableName, Key: key }))
    expect(Item).toMatchObject({ fromTheFuture: { a: [1, 2] }, status: 'COMPLETED' })
  })

  it('a row of a task type that only the newer version has waits for that version', async () => {
    const id = '01k0recorded00000000000004'
    await put({
      ...pendingRow,
      ...{ pk: `T#default#${id}`, id, createdKey: `01795521600000#${id}`, type: 'not.yet', timeoutMs: 5_000 },
    })
    await send({ ...message, id })
    const task = await client.until(id, ({ status }) => status === 'RETRYING')
    expect(task.error).toMatchObject({ code: 'unknown_task_type', retryable: true })
  })
})
