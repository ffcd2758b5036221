import { afterAll, beforeAll, expect, it } from 'vitest'
import { Client, type TaskView } from '../fixtures/client.ts'
import { startFaultProxy } from '../fixtures/fault-proxy.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 100_000)
const SHARE = Number(process.env.FAULT_SHARE ?? 0.15)
const TASKS = 60

type Proxy = Awaited<ReturnType<typeof startFaultProxy>>
let server: Awaited<ReturnType<typeof startModelServer>>
let running: Awaited<ReturnType<typeof startTestRuntime>>
let proxies: readonly Proxy[] = []

beforeAll(async () => {
  server = await startModelServer()
  const models = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
  running = await startTestRuntime(models, async (endpoints) => {
    const dynamo = await startFaultProxy(endpoints.dynamodb, {
      share: SHARE,
      seed: SEED,
      throttling: 'ProvisionedThroughputExceededException',
    })
    const sqs = await startFaultProxy(endpoints.sqs, {
      share: SHARE,
      seed: SEED + 1,
      throttling: 'ThrottlingException',
    })
    proxies = [dynamo, sqs]
    return { AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint, AWS_ENDPOINT_URL_SQS: sqs.endpoint }
  })
})
afterAll(async () => {
  await running.stop()
  await Promise.all(proxies.map((proxy) => proxy.stop()))
  await server.stop()
})

it(`a table and queues that keep failing (seed ${SEED}): nothing lost, nothing doubled, nothing stuck`, async () => {
  const client = new Client(running.url)
  /** As a careful caller does: the same key again until there is an answer. */
  const submit = async (body: object, key: string): Promise<TaskView> => {
    for (let round = 0; round < 20; round += 1) {
      const { status, body: task, headers } = await client.post('/tasks', body, { 'idempotency-key': key })
      if (status === 202) return task
      // The only refusal there may be, and it says when to come back.
      expect(status, JSON.stringify(task)).toBe(503)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`${key} was never accepted`)
  }
  const prompts = Array.from({ length: TASKS }, (_, index) => `faulty ${index}`)
  const model = (index: number) => (index % 6 === 0 ? 'stub-500-once' : 'stub-50')
  const tasks = await Promise.all(
    prompts.map((prompt, index) => submit({ prompt, model: model(index) }, prompt)),
  )
  expect(new Set(tasks.map(({ id }) => id)).size).toBe(TASKS)

  const read = async (id: string): Promise<TaskView | undefined> => {
    const { status, body } = await client.get(`/tasks/${id}`)
    expect([200, 503]).toContain(status)
    return status === 200 ? body : undefined
  }
  const isOver = (task: TaskView | undefined) => task?.status === 'COMPLETED' || task?.status === 'FAILED'
  const harmUntil = Date.now() + 20_000
  const end = Date.now() + 200_000
  let rows: (TaskView | undefined)[] = []
  while (!rows.length || !rows.every(isOver)) {
    if (Date.now() > end) break
    if (Date.now() > harmUntil) for (const proxy of proxies) proxy.heal()
    // The timer would do it once a minute.
    await running
      .pool('SweeperSweep')
      .invoke({})
      .catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    rows = await Promise.all(tasks.map(({ id }) => read(id)))
  }
  expect(rows.filter((row) => !isOver(row))).toEqual([])
  for (const [index, row] of rows.entries()) {
    expect(row, prompts[index]).toMatchObject({ status: 'COMPLETED', result: `echo: ${prompts[index]}` })
    // An attempt may be paid for without landing, but never more than there were attempts.
    expect(server.callsOf(prompts[index] ?? '').length).toBeLessThanOrEqual(row?.attempts ?? 0)
  }
  const harm = proxies.map(({ done }) => Object.values(done).reduce((sum, count) => sum + count, 0))
  // A fault kit that did no harm proves nothing.
  for (const count of harm) expect(count).toBeGreaterThan(10)
}, 260_000)
