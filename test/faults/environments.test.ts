import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { redrive } from '../fixtures/redrive.ts'
import { assemblyOf, LEASE_MS, openSqs } from '../fixtures/running.ts'
import { breakBundle, changeAssembly } from './kit/change-assembly.ts'
import { type HarmedRuntime, startHarmedRuntime } from './kit/harmed-runtime.ts'

const DAY_MS = 86_400_000

let server: Awaited<ReturnType<typeof startModelServer>>
const folders: string[] = []
const newFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'runner-'))
  folders.push(folder)
  return folder
}
beforeAll(async () => {
  server = await startModelServer()
})
afterAll(async () => {
  await server.stop()
  for (const folder of folders)
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
})
const envOf = () => ({ OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' })

describe('an environment that runs out of time or memory, or crashes', () => {
  let harmed: HarmedRuntime
  let client: Client
  beforeAll(async () => {
    // The default of 300 s takes too long for this test; the urgent lane keeps it.
    const assemblyDir = await changeAssembly(await assemblyOf(envOf()), (resources) => {
      for (const [id, { Type, Properties }] of Object.entries(resources))
        if (Type === 'AWS::Lambda::Function' && id.startsWith('laneai')) Properties.Timeout = 20
    })
    folders.push(assemblyDir)
    harmed = await startHarmedRuntime({
      ...{ seed: 1, share: 0, queueShare: 0, assemblyDir, env: envOf() },
      stateDir: await newFolder(),
    })
    client = new Client(harmed.runtime.url)
  })
  afterAll(() => harmed.stop())
  const done = (id: string) => client.done(id, 300_000)

  it.concurrent('out of memory in one attempt: the next one completes', async () => {
    const { id } = await client.submit({ prompt: 'too much', model: 'stub-oom-once' })
    expect(await done(id)).toMatchObject({ status: 'COMPLETED', attempts: 2, result: 'echo: too much' })
  }, 300_000)

  it.concurrent('blocked until the function’s time is over: the next attempt completes', async () => {
    const { id } = await client.submit({ prompt: 'stuck', model: 'stub-block-120-once', delay_seconds: 3 })
    expect(await done(id)).toMatchObject({ status: 'COMPLETED', attempts: 2, result: 'echo: stuck' })
  }, 300_000)

  it.concurrent('a task that kills its worker every time fails as worker_crashed; the other tasks of the batch complete', async () => {
    const submit = (prompt: string, model: string) =>
      client.submit({ prompt, model, max_attempts: 2, delay_seconds: 8 })
    const poison = await submit('poison', 'stub-oom')
    const others = await Promise.all([1, 2, 3, 4].map((n) => submit(`beside the poison ${n}`, 'stub-3000')))
    for (const { id } of others) expect((await done(id)).status).toBe('COMPLETED')
    const failed = await done(poison.id)
    expect(failed).toMatchObject({ status: 'FAILED', attempts: 2, error: { code: 'worker_crashed' } })
    expect(failed.history.map(({ outcome }) => outcome)).toEqual(expect.arrayContaining(['worker_crashed']))
  }, 300_000)

  it.concurrent('an environment that was suspended for longer than its lease cannot store its result', async () => {
    // Half a lease longer than its own lease.
    const model = `stub-block-${Math.ceil((LEASE_MS * 1.5) / 1_000)}-once`
    const { id } = await client.submit({ prompt: 'frozen', model, priority: 9, delay_seconds: 14 })
    await client.until(id, ({ status }) => status === 'PROCESSING')
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 1_000))
    // The lease is over, and the suspended environment sleeps for almost half of another lease.
    await harmed.sweep()
    const task = await done(id)
    expect(task).toMatchObject({ status: 'COMPLETED', attempts: 2, result: 'echo: frozen' })
    const landed = task.finished_at
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS / 2 + 3_000))
    const later = (await client.get(`/tasks/${id}`)).body
    expect(later).toMatchObject({ status: 'COMPLETED', attempts: 2, finished_at: landed })
    expect(later.history).toHaveLength(task.history.length)
    expect(server.callsOf('frozen')).toHaveLength(2)
  }, 300_000)
})

describe('payloads and retention', () => {
  let harmed: HarmedRuntime
  let client: Client
  let s3: S3Client
  beforeAll(async () => {
    harmed = await startHarmedRuntime({
      ...{ seed: 1, share: 0, queueShare: 0, env: envOf() },
      stateDir: await newFolder(),
    })
    client = new Client(harmed.runtime.url)
    s3 = new S3Client({
      endpoint: harmed.runtime.endpoints.s3,
      region: 'eu-central-1',
      credentials: harmed.runtime.credentials,
      forcePathStyle: true,
    })
  })
  afterAll(async () => {
    s3.destroy()
    await harmed.stop()
  })
  const objects = async () => {
    const Bucket = harmed.runtime.plan.buckets[0]?.name ?? ''
    return (await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount ?? 0
  }

  const LARGE_ANSWERS = 10
  const SIZES = [1, 8_100, 8_300, 1_000_000, 5_900_000]

  it.each(SIZES)('a result of %i bytes is returned complete', async (bytes) => {
    const { id } = await client.submit({ prompt: `give ${bytes}`, model: `stub-bytes-${bytes}` })
    const task = await client.done(id)
    expect(task.status).toBe('COMPLETED')
    const whole = await (await fetch(`${client.base}/tasks/${id}/result`)).text()
    expect(whole === JSON.stringify('a'.repeat(bytes))).toBe(true)
    // A value too large for the answer is null there, and its link returns it.
    if (bytes < 5_000_000) expect(task.result === 'a'.repeat(bytes)).toBe(true)
    else expect(task.result).toBeNull()
  })

  it.each([
    [15_000_000, { status: 'COMPLETED', attempts: 1 }],
    [17_000_000, { status: 'FAILED', attempts: 1, error: { code: 'result_too_large' } }],
  ])('ten answers of %i bytes at once: each is paid for once', async (bytes, end) => {
    const prompts = Array.from({ length: LARGE_ANSWERS }, (_, n) => `${n} of ${bytes}`)
    const ids = await Promise.all(
      prompts.map(async (prompt) => (await client.submit({ prompt, model: `stub-bytes-${bytes}` })).id),
    )
    for (const id of ids) expect(await client.done(id)).toMatchObject(end)
    for (const prompt of prompts) expect(server.callsOf(prompt)).toHaveLength(1)
  })

  it.each(SIZES)('an input of %i bytes is returned complete', async (bytes) => {
    const prompt = 'p'.repeat(bytes)
    const { id } = await client.submit({ prompt, model: 'stub-bytes-1' })
    const task = await client.done(id)
    expect(task.status).toBe('COMPLETED')
    expect(server.calls.at(-1)?.prompt === prompt).toBe(true)
    const whole = await (await fetch(`${client.base}/tasks/${id}/input`)).text()
    expect(whole === JSON.stringify({ prompt })).toBe(true)
    if (bytes < 2_000_000) expect(task.prompt === prompt).toBe(true)
    else expect(task.prompt).toBeNull()
  })

  it('text that needs escapes, at the size where the escaped answer would exceed the limit', async () => {
    const prompt = '"\\\n你'.repeat(400_000)
    const { id } = await client.submit({ prompt, model: 'stub-bytes-1' })
    const task = await client.done(id)
    expect(task.status).toBe('COMPLETED')
    expect(task.prompt).toBeNull()
    const whole = (await (await fetch(`${client.base}/tasks/${id}/input`)).json()) as { prompt: string }
    expect(whole.prompt === prompt).toBe(true)
  })

  it('a task is invisible from the end of its retention; the daily cleanup deletes row and objects and counts them', async () => {
    const before = await objects()
    const rows = 2 * SIZES.length + 1 + 2 * LARGE_ANSWERS
    const kept = await client.submit({ type: 'example.add', input: { x: 1, y: 1 }, delay_seconds: 86_400 })
    const small = await client.submit({ prompt: 'small', model: 'stub-0' })
    const large = await client.submit({ prompt: 'y'.repeat(20_000), model: 'stub-0' })
    const gone = await client.submit({ prompt: 'z'.repeat(20_000), model: 'stub-0', delay_seconds: 600 })
    for (const { id } of [small, large]) expect((await client.done(id)).status).toBe('COMPLETED')
    await client.post(`/tasks/${gone.id}/cancel`)
    expect((await objects()) - before).toBe(3)
    const cleanUp = () => harmed.runtime.pool('CleanerCleanUp').invoke({})
    // The retention is seven days.
    await harmed.moveClock(7 * DAY_MS - 3_600_000)
    expect(await cleanUp()).toEqual({ tasks: 0, uploads: 0, objects: 0, failed: 0, isComplete: true })
    await harmed.moveClock(7 * DAY_MS + 60_000)
    expect(await cleanUp()).toEqual({
      ...{ tasks: rows + 3, uploads: 0, objects: before + 3, failed: 0, isComplete: true },
    })
    expect(await cleanUp()).toEqual({ tasks: 0, uploads: 0, objects: 0, failed: 0, isComplete: true })
    expect(await objects()).toBe(0)
    for (const { id } of [small, large, gone]) expect((await client.get(`/tasks/${id}`)).status).toBe(404)
    expect((await client.get(`/tasks/${kept.id}`)).body.status).toBe('SCHEDULED')
  })
})

describe('a worker bundle that cannot be loaded', () => {
  it('its messages go to the dead-letter queue, the row ends FAILED, and after a correct deployment a redrive runs the task', async () => {
    const good = await assemblyOf(envOf())
    const broken = await changeAssembly(good, (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        if (Type !== 'AWS::SQS::Queue' || !Properties.RedrivePolicy) continue
        Properties.VisibilityTimeout = 1
        Object.assign(Properties.RedrivePolicy as object, { maxReceiveCount: 3 })
      }
    })
    folders.push(broken)
    expect(await breakBundle(broken, 'lane')).toBe(1)
    const harmed = await startHarmedRuntime({
      ...{ seed: 1, share: 0, queueShare: 0, assemblyDir: broken, env: envOf() },
      stateDir: await newFolder(),
    })
    try {
      const client = new Client(harmed.runtime.url)
      const { id } = await client.submit({ prompt: 'nobody home', model: 'stub-0' })
      // An hour of sweeps: each finds no message and sends another, at growing intervals, until it gives up.
      for (let minutes = 2; minutes < 90; minutes += 4) {
        await harmed.moveClock(minutes * 60_000)
        await harmed.sweep()
        // After three receives of a second each, it goes to the dead-letter queue.
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
      await harmed.moveClock(3 * 3_600_000)
      await expect
        .poll(
          async () => {
            await harmed.sweep()
            return (await client.get(`/tasks/${id}`)).body
          },
          { timeout: 60_000, interval: 1_000 },
        )
        .toMatchObject({ status: 'FAILED', attempts: 0, error: { code: 'worker_crashed', retryable: true } })
      await harmed.runtime.deploy(good)
      const urlOf = (part: string) =>
        harmed.runtime.plan.queues.find(({ name }) => name.includes(part))?.url ?? ''
      const sqs = openSqs(harmed.runtime.endpoints.sqs, harmed.runtime.credentials)
      // Marked and unmarked dead letters, as the SQS console would redrive them.
      expect(await redrive(sqs, urlOf('deadlettersai'), urlOf('local-ai'), 100)).toBeGreaterThanOrEqual(1)
      sqs.destroy()
      expect(await client.until(id, ({ status }) => status === 'COMPLETED')).toMatchObject({
        status: 'COMPLETED',
        epoch: 2,
        attempts: 1,
        result: 'echo: nobody home',
      })
      expect(server.callsOf('nobody home')).toHaveLength(1)
    } finally {
      await harmed.stop()
    }
  })
})
