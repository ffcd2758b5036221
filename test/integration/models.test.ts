import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { openSqs, startTestRuntime } from '../fixtures/running.ts'

const REHEARSE = resolve(import.meta.dirname, '../../bin/rehearse.ts')

let server: Awaited<ReturnType<typeof startModelServer>>
let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client

beforeAll(async () => {
  server = await startModelServer()
  running = await startTestRuntime({
    OPENAI_BASE_URL: server.openaiUrl,
    OPENAI_API_KEY: 'test-openai-key',
    OPENAI_MODELS: 'stub-*',
    ANTHROPIC_BASE_URL: server.anthropicUrl,
    ANTHROPIC_API_KEY: 'test-anthropic-key',
    RECORD_ANSWERS: 'true',
  })
  client = new Client(running.url)
})
afterAll(async () => {
  await running.stop()
  await server.stop()
})

describe('tasks answered by a model server', () => {
  it('a text task returns the model’s text, tokens and provider', async () => {
    const { id } = await client.submit({ prompt: 'What is a qubit?', model: 'stub-1000' })
    const task = await client.done(id)
    expect(task).toMatchObject({
      status: 'COMPLETED',
      result: 'echo: What is a qubit?',
      usage: { provider: 'openai', input_tokens: 7, output_tokens: 3 },
      attempts: 1,
    })
    expect(server.callsOf('What is a qubit?')).toMatchObject([{ apiKey: 'test-openai-key' }])
  })

  it('a Claude model is called over Anthropic’s protocol with its own key', async () => {
    const { id } = await client.submit({ prompt: 'claude?', model: 'claude-0' })
    expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', usage: { provider: 'anthropic' } })
    expect(server.callsOf('claude?')).toMatchObject([{ apiKey: 'test-anthropic-key' }])
  })

  it('identical tasks with share make one call, and one of them pays, however late they start', async () => {
    const submitted = await Promise.all(
      Array.from({ length: 4 }, () =>
        client.submit({
          type: 'text.generate',
          input: { prompt: 'shared?', reuse_answer_seconds: 60 },
          model: 'stub-1000',
        }),
      ),
    )
    const tasks = await Promise.all(submitted.map(({ id }) => client.done(id)))
    expect(tasks.map(({ status, result }) => [status, result])).toEqual(
      tasks.map(() => ['COMPLETED', 'echo: shared?']),
    )
    expect(server.callsOf('shared?')).toHaveLength(1)
    const payer = tasks.find(({ usage }) => usage?.shared_with === null)
    expect(tasks.map(({ id, usage }) => (id === payer?.id ? null : usage?.shared_with))).toEqual(
      tasks.map(({ id }) => (id === payer?.id ? null : payer?.id)),
    )
  })

  it('their recorded answers are rehearsed without a call', async () => {
    const { id } = await client.submit({ prompt: 'recorded?', model: 'stub-500-once' })
    await client.done(id)
    const folder = await mkdtemp(join(tmpdir(), 'rehearse-'))
    const file = join(folder, 'tasks.jsonl')
    const bucket = running.plan.buckets[0]?.name ?? ''
    const { accessKeyId, secretAccessKey } = running.credentials
    const env = {
      ...process.env,
      AWS_ENDPOINT_URL_S3: running.endpoints.s3,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    }
    const run = async (...args: readonly string[]) =>
      (await promisify(execFile)(process.execPath, [REHEARSE, ...args], { env })).stdout
    try {
      // The last recording is stored after the task's end is visible.
      const ofTask = async () => {
        await run('--save', file, '--bucket', bucket)
        return (await readFile(file, 'utf8')).split('\n').filter((line) => line.includes(id))
      }
      await expect.poll(ofTask, { timeout: 20_000, interval: 500 }).toHaveLength(2)
      const calls = server.calls.length
      expect(await run('--from', file)).toMatch(
        /^[2-9]\d* end as before, 0 otherwise; 0 ask in other words\.\n$/,
      )
      expect(server.calls).toHaveLength(calls)
      expect(await readFile(file, 'utf8')).not.toContain('test-openai-key')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('a provider that fails once is called again: two calls, two attempts', async () => {
    const { id } = await client.submit({ prompt: 'once', model: 'stub-500-once' })
    const task = await client.done(id)
    expect(task).toMatchObject({ status: 'COMPLETED', attempts: 2 })
    expect(task.history.map(({ outcome }) => outcome)).toEqual(['provider_unavailable', 'completed'])
    expect(server.callsOf('once')).toHaveLength(2)
  })

  it('a refused key fails the task at once, and its dead letter is in the queue', async () => {
    const { id } = await client.submit({ prompt: 'locked', model: 'stub-401' })
    const task = await client.done(id)
    expect(task).toMatchObject({
      status: 'FAILED',
      attempts: 1,
      error: { code: 'provider_unauthorized', retryable: false },
    })
    expect(JSON.stringify(task)).not.toContain('aaaaaa')
    expect(server.callsOf('locked')).toHaveLength(1)
    const queue = running.plan.queues.find(({ name }) => name.includes('deadlettersai'))
    const sqs = openSqs(running.endpoints.sqs, running.credentials)
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queue?.url ?? '',
        WaitTimeSeconds: 5,
        MessageAttributeNames: ['All'],
      }),
    )
    sqs.destroy()
    expect(Messages.map(({ Body }) => JSON.parse(Body ?? ''))).toMatchObject([{ id, epoch: 1, v: 1 }])
    expect(Messages[0]?.Body).toContain('provider_unauthorized')
  })

  it.each([
    ['seconds', 'stub-429-once', 2_900],
    ['a date', 'stub-429-date-once', 2_500],
  ])('Retry-After in %s is obeyed', async (_, model, atLeastMs) => {
    const prompt = `wait ${model}`
    const { id } = await client.submit({ prompt, model })
    expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', attempts: 2 })
    const [first, second] = server.callsOf(prompt)
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(atLeastMs)
  })

  it('a call that never answers is aborted at the time limit, and repeated until the attempts are used up', async () => {
    const body = { prompt: 'hang', model: 'stub-hang', timeout_seconds: 1, max_attempts: 2 }
    const { id } = await client.submit(body)
    expect(await client.done(id)).toMatchObject({ status: 'FAILED', attempts: 2, error: { code: 'timeout' } })
    await expect.poll(() => server.callsOf('hang').map(({ isAborted }) => isAborted)).toEqual([true, true])
  })

  it('a cancel aborts the provider’s call long before the attempt would end', async () => {
    const { id } = await client.submit({ prompt: 'cancel me', model: 'stub-hang' })
    await expect.poll(() => server.callsOf('cancel me').length).toBe(1)
    expect((await client.post(`/tasks/${id}/cancel`)).body.status).toBe('CANCELLED')
    await expect.poll(() => server.callsOf('cancel me')[0]?.isAborted).toBe(true)
    expect((await client.get(`/tasks/${id}`)).body).toMatchObject({ status: 'CANCELLED', result: null })
  })

  it('50 clients with one idempotency key: one task, one call', async () => {
    const body = { prompt: 'one call', model: 'stub-0' }
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.post('/tasks', body, { 'idempotency-key': 'k-50' })),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    const ids = new Set(answers.map((answer) => answer.body.id))
    expect(ids.size).toBe(1)
    await client.done([...ids][0] ?? '')
    expect(server.callsOf('one call')).toHaveLength(1)
  })

  it('a burst of 200: every prompt is sent exactly once', async () => {
    const prompts = Array.from({ length: 200 }, (_, index) => `burst ${index}`)
    const tasks = await Promise.all(prompts.map((prompt) => client.submit({ prompt, model: 'stub-1000' })))
    const done = await Promise.all(tasks.map(({ id }) => client.done(id)))
    expect(done.map(({ result }) => result)).toEqual(prompts.map((prompt) => `echo: ${prompt}`))
    expect(prompts.filter((prompt) => server.callsOf(prompt).length !== 1)).toEqual([])
  })
})
