import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startCountingProxy } from '../fixtures/counting-proxy.ts'
import { startTestRuntime } from '../fixtures/running.ts'

type Proxy = Awaited<ReturnType<typeof startCountingProxy>>
let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let dynamo: Proxy
let sqs: Proxy

beforeAll(async () => {
  running = await startTestRuntime(
    {},
    {
      isGated: false,
      onServices: async (endpoints) => {
        dynamo = await startCountingProxy(endpoints.dynamodb)
        sqs = await startCountingProxy(endpoints.sqs)
      },
      functionEnv: () => ({ AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint, AWS_ENDPOINT_URL_SQS: sqs.endpoint }),
    },
  )
  client = new Client(running.url)
  // The first task starts the functions and marks the lane as active, which happens only once in a while.
  await client.done((await client.submit({ prompt: 'first', model: 'simulated-fast' })).id)
  // Its end is counted shortly afterwards.
  await vi.waitFor(
    async () => {
      const { body } = await client.get<{ counts: Record<string, number> }>('/stats')
      expect(body.counts.COMPLETED).toBe(1)
    },
    { timeout: 20_000, interval: 500 },
  )
  await new Promise((resolve) => setTimeout(resolve, 1_000))
})
beforeEach(() => {
  dynamo.reset()
  sqs.reset()
})
afterAll(async () => {
  await running.stop()
  await Promise.all([dynamo.stop(), sqs.stop()])
})

/**
 * Without lookups that are shared by many requests: circuits and a lane's recent numbers (three items and its depth) every 5 s,
 * a tenant’s webhook endpoints and limits every 10 s.
 */
function callsPerTask() {
  const { Query = 0, GetItem = 0, Note: _notes, ...others } = dynamo.counts()
  expect(Query).toBeLessThanOrEqual(1)
  expect(GetItem).toBeLessThanOrEqual(5)
  return others
}

function sentPerTask() {
  const { GetQueueAttributes = 0, ...others } = sqs.counts()
  expect(GetQueueAttributes).toBeLessThanOrEqual(1)
  return others
}

describe('calls to AWS', () => {
  it('a submit makes one conditional write and one send, and no other call', async () => {
    await client.submit({ prompt: 'later', model: 'simulated-fast', delay_seconds: 600 })
    expect(callsPerTask()).toEqual({ PutItem: 1 })
    expect(sentPerTask()).toEqual({ SendMessage: 1 })
  })

  it('a replayed submit makes only the refused write, which returns the existing row', async () => {
    const key = { 'idempotency-key': 'again' }
    await client.submit({ prompt: 'keyed', model: 'simulated-fast', delay_seconds: 600 }, key)
    dynamo.reset()
    sqs.reset()
    await client.submit({ prompt: 'keyed', model: 'simulated-fast', delay_seconds: 600 }, key)
    expect(sentPerTask()).toEqual({})
    expect(callsPerTask()).toEqual({ PutItem: 1 })
  })

  it('for a short task the worker makes two writes, and three to count its end in its hour and its day', async () => {
    const { id } = await client.submit({ prompt: 'short', model: 'simulated-fast' })
    // Not polled, because every poll would be a read.
    await vi.waitFor(() => expect(dynamo.counts().UpdateItem).toBe(5), { timeout: 15_000 })
    expect(callsPerTask()).toEqual({ PutItem: 1, UpdateItem: 5 })
    // A worker that received the message itself also deletes it; otherwise Lambda does.
    const { DeleteMessageBatch: _deleted, ...sent } = sentPerTask()
    expect(sent).toEqual({ ChangeMessageVisibilityBatch: 1, SendMessage: 1 })
    expect((await client.get(`/tasks/${id}`)).body.status).toBe('COMPLETED')
  })
})
