import { describe, expect, it as test } from 'vitest'
import type { Client, TaskView } from '../fixtures/client.ts'
import type { Backdoor } from './backdoor.ts'
import { callerScenarios } from './caller-scenarios.ts'
import type { Gap } from './known-gaps.ts'

export interface ScenarioOptions {
  /** Gives access without the API; scenarios that need it are skipped when it is missing. */
  readonly backdoor?: () => Backdoor
  /** Parallel callers in the idempotency test; an emulator may start a process for each. */
  readonly callers?: number
  /** What this cloud is known not to support. */
  readonly gaps?: readonly Gap[]
}

/** Checks that schedules fire; if the emulator's do not, the test starts the sweeper itself. */
export const TIMER_SCENARIO = 'a message that was lost is sent again by the sweeper, which the timer starts'

/** The command of README and runbook: `aws sqs start-message-move-task` with a destination. */
export const MOVE_SCENARIO =
  'SQS’s own redrive with the lane’s queue as its destination runs a failed task again, once'

/** Declares a scenario. A scenario that is a known gap of this cloud must fail. */
function declare(gaps: readonly Gap[]) {
  return (title: string, body: () => Promise<void>, timeoutMs?: number) => {
    const gap = gaps.find(({ scenario }) => scenario === title)
    if (!gap) return test(title, body, timeoutMs)
    return test(
      `${title} (known gap: ${gap.reason})`,
      async () => {
        const failed = await body().then(
          () => false,
          () => true,
        )
        if (!failed)
          throw new Error(`This gap has closed. Take its line out of test/e2e/known-gaps.ts: "${title}".`)
      },
      timeoutMs,
    )
  }
}

/**
 * What any running stage must do, over HTTP only. Uses the `simulated` models and the example types, so that it runs against
 * any base URL.
 *
 * @param open returns the client; called inside the tests.
 */
export function scenarios(
  name: string,
  open: () => Client,
  { backdoor, gaps = [], callers = 50 }: ScenarioOptions = {},
): void {
  const it = declare(gaps)
  describe(`${name}: the life of a task over HTTP`, () => {
    it('answers its health', async () => {
      const { status, body } = await open().get<Record<string, string>>('/health')
      expect(status).toBe(200)
      expect(body).toMatchObject({ status: 'healthy', app_name: 'Async AI Task Runner' })
      expect(Date.parse(body.timestamp ?? '')).toBeGreaterThan(0)
    })

    it('Location and links lead back to the task, as a client follows them', async () => {
      const client = open()
      const answer = await client.post<TaskView & { links: Record<string, string> }>('/tasks/add', {
        x: 1,
        y: 2,
      })
      const { id, links } = answer.body
      for (const link of [answer.headers.get('location') ?? '', links.self ?? '', `${links.input}`]) {
        const followed = await client.follow<TaskView>(link)
        expect([link, followed.status]).toEqual([link, 200])
        expect(followed.body).toMatchObject(link === links.input ? { x: 1, y: 2 } : { id })
      }
      const { body } = await client.get<{ servers: { url: string }[] }>('/openapi.json')
      const server = new URL(`${body.servers[0]?.url}/tasks/${id}`, client.base)
      expect(server.href).toBe(new URL(links.self ?? '', client.base).href)
    })

    it('the first curl: PENDING at once, then PROCESSING, then COMPLETED with the text', async () => {
      const client = open()
      const answer = await client.post('/tasks', { prompt: '什么是量子计算？', model: 'gpt-3.5-turbo' })
      expect(answer.status).toBe(202)
      expect(answer.body).toMatchObject({
        status: 'PENDING',
        type: 'text.generate',
        lane: 'ai',
        prompt: '什么是量子计算？',
        model: 'gpt-3.5-turbo',
        priority: 0,
        result: null,
        updated_at: null,
      })
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
      const seen = new Set<string>()
      const done = await client.until(answer.body.id, ({ status }) => {
        seen.add(status)
        return status === 'COMPLETED'
      })
      expect(seen).toContain('PROCESSING')
      expect(done.result).toBeTypeOf('string')
      expect(String(done.result).length).toBeGreaterThan(10)
      expect(done.usage?.provider).toBe('simulated')
    })

    it('adds 10 and 20, by the older routes too', async () => {
      const client = open()
      const answer = await client.post<TaskView & { task_id: string }>('/tasks/add', { x: 10, y: 20 })
      expect(answer.status).toBe(202)
      expect(answer.body.task_id).toBe(answer.body.id)
      await client.done(answer.body.id)
      const { body } = await client.get(`/tasks/status/${answer.body.id}`)
      expect(body).toMatchObject({ status: 'COMPLETED', result: 30, attempts: 1 })
    })

    it('the example task reports its progress', async () => {
      const client = open()
      const answer = await client.post('/tasks/example?name=test&seconds=4')
      expect(answer.status).toBe(202)
      const midway = await client.until(answer.body.id, ({ progress }) => (progress?.percent ?? 0) > 0)
      expect(midway.status).toBe('PROCESSING')
      const done = await client.done(answer.body.id)
      expect(done).toMatchObject({
        status: 'COMPLETED',
        progress: { percent: 100 },
        result: { name: 'test' },
      })
    })

    it('a provider that fails once is tried again', async () => {
      const client = open()
      const { id } = await client.submit({ prompt: `flaky ${Date.now()}`, model: 'simulated-flaky-1' })
      const done = await client.done(id)
      expect(done).toMatchObject({ status: 'COMPLETED', attempts: 2 })
      expect(done.history.map(({ outcome }) => outcome)).toEqual(['provider_unavailable', 'completed'])
    })

    it('a refused key ends the task at once; a retry by hand starts epoch 2', async () => {
      const client = open()
      const { id } = await client.submit({ prompt: 'x', model: 'simulated-fail-401' })
      const failed = await client.done(id)
      expect(failed).toMatchObject({
        status: 'FAILED',
        attempts: 1,
        epoch: 1,
        error: { code: 'provider_unauthorized', retryable: false },
      })
      const retried = await client.post(`/tasks/${id}/retry`)
      expect(retried).toMatchObject({
        status: 200,
        body: { status: 'PENDING', epoch: 2, attempts: 0, error: null },
      })
      expect(await client.done(id)).toMatchObject({ status: 'FAILED', epoch: 2 })
    })

    it('a cancel stops a running task within 3 s and no result is stored', async () => {
      const client = open()
      const { id } = await client.submit({ prompt: 'x', model: 'simulated-slow' })
      await client.until(id, ({ status }) => status === 'PROCESSING')
      const cancelled = await client.post(`/tasks/${id}/cancel`)
      expect(cancelled).toMatchObject({ status: 200, body: { status: 'CANCELLED' } })
      await new Promise((resolve) => setTimeout(resolve, 3_500))
      expect((await client.get(`/tasks/${id}`)).body).toMatchObject({ status: 'CANCELLED', result: null })
    })

    it('a task can be cancelled while it waits for its next attempt', async () => {
      const client = open()
      const { id } = await client.submit({ prompt: 'x', model: 'simulated-429-60' })
      await client.until(id, ({ status }) => status === 'RETRYING')
      const cancelled = await client.post(`/tasks/${id}/cancel`)
      expect(cancelled).toMatchObject({ status: 200, body: { status: 'CANCELLED', attempts: 1 } })
    })

    it('a finished task can neither be cancelled nor retried', async () => {
      const client = open()
      const answer = await client.post('/tasks/add', { x: 1, y: 2 })
      await client.done(answer.body.id)
      expect((await client.post(`/tasks/${answer.body.id}/cancel`)).status).toBe(409)
      expect((await client.post(`/tasks/${answer.body.id}/retry`)).status).toBe(409)
    })

    it('a delayed task waits, and can be cancelled while it waits', async () => {
      const client = open()
      const soon = await client.submit({ type: 'example.add', input: { x: 1, y: 1 }, delay_seconds: 2 })
      const later = await client.submit({ type: 'example.add', input: { x: 1, y: 1 }, delay_seconds: 3_600 })
      expect([soon.status, later.status]).toEqual(['SCHEDULED', 'SCHEDULED'])
      expect((await client.post(`/tasks/${later.id}/cancel`)).body.status).toBe('CANCELLED')
      const done = await client.done(soon.id)
      const waitedMs = Date.parse(done.started_at ?? '') - Date.parse(done.created_at)
      expect(waitedMs).toBeGreaterThanOrEqual(1_990)
    })

    it('the same idempotency key from many clients at once makes one task; another body is refused and changes nothing', async () => {
      const client = open()
      const key = { 'idempotency-key': `key-${Date.now()}` }
      const body = { type: 'example.add', input: { x: 20, y: 22 } }
      const tasks = await Promise.all(Array.from({ length: callers }, () => client.submit(body, key)))
      expect(new Set(tasks.map(({ id }) => id)).size).toBe(1)
      const other = await client.post<{ code: string }>('/tasks', { ...body, priority: 1 }, key)
      expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
      const done = await client.done(tasks[0]?.id ?? '')
      expect(done).toMatchObject({ status: 'COMPLETED', result: 42, attempts: 1 })
    })

    it('a high priority goes to the urgent lane', async () => {
      const client = open()
      const task = await client.submit({ prompt: 'now', model: 'simulated-fast', priority: 9 })
      expect(task.lane).toBe('urgent')
      expect(await client.done(task.id)).toMatchObject({ status: 'COMPLETED' })
    })

    it('lists submitted tasks, newest first, with filters and pages', async () => {
      const client = open()
      const tag = `tag-${Date.now()}`
      const ids: string[] = []
      for (let n = 0; n < 3; n += 1)
        ids.unshift((await client.submit({ type: 'example.add', input: { x: n, y: 0 }, tags: [tag] })).id)
      for (const id of ids) await client.done(id)
      type Page = { tasks: TaskView[]; next_cursor: string | null }
      const first = await client.get<Page>(`/tasks?tag=${tag}&limit=2`)
      expect(first.body.tasks.map(({ id }) => id)).toEqual(ids.slice(0, 2))
      const second = await client.get<Page>(`/tasks?tag=${tag}&limit=2&cursor=${first.body.next_cursor}`)
      expect(second.body.tasks.map(({ id }) => id)).toEqual(ids.slice(2))
      const failed = await client.get<Page>(`/tasks?tag=${tag}&status=FAILED`)
      expect(failed.body).toEqual({ tasks: [], next_cursor: null })
    })

    it('a 900 kB prompt with Chinese text and emoji comes back byte for byte', async () => {
      const client = open()
      const prompt = `你好👩‍👩‍👧 "\\\n\u0000`.repeat(32_000)
      expect(Buffer.byteLength(prompt)).toBeGreaterThan(900_000)
      const { id } = await client.submit({ prompt, model: 'simulated-fast' })
      const done = await client.done(id)
      expect(done.status).toBe('COMPLETED')
      expect(done.prompt === prompt).toBe(true)
    })

    it('says what is wrong with a request, and never answers it with a 5xx', async () => {
      const client = open()
      const cases: [string, string, unknown, Record<string, string> | undefined, number][] = [
        ['POST', '/tasks', '{', undefined, 400],
        ['POST', '/tasks', { prompt: '' }, undefined, 422],
        ['POST', '/tasks', { prompt: 'x', model: 'no-such-model' }, undefined, 422],
        ['POST', '/tasks', { type: 'text.generat', input: {} }, undefined, 422],
        ['POST', '/tasks', 'prompt=x', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
        ['POST', '/tasks', { prompt: 'x'.repeat(6_300_000) }, undefined, 413],
        ['POST', '/tasks/example?seconds=soon', undefined, undefined, 422],
        ['GET', '/tasks/none', undefined, undefined, 404],
        ['POST', '/tasks/none/cancel', undefined, undefined, 404],
        ['POST', '/tasks/none/retry', undefined, undefined, 404],
        ['GET', '/tasks?status=SLEEPING', undefined, undefined, 422],
        ['GET', '/tasks?cursor=!!!', undefined, undefined, 422],
        ['DELETE', '/tasks', undefined, undefined, 405],
        ['PUT', '/health', undefined, undefined, 405],
        ['GET', '/nowhere', undefined, undefined, 404],
      ]
      for (const [method, path, body, headers, status] of cases) {
        const answer = await client.call<{ status: number; code: string }>(method, path, body, headers)
        expect([method, path, answer.status]).toEqual([method, path, status])
        expect(answer.headers.get('content-type')).toContain('application/problem+json')
        expect(answer.body.status).toBe(status)
        expect(answer.body.code).toMatch(/^[a-z_]+$/)
        if (status === 405) expect(answer.headers.get('allow')).toMatch(/GET|POST/)
      }
    })

    it('a redrive over the API restarts each task that failed with one error, once', async () => {
      const client = open()
      const body = { prompt: 'redrive us', model: 'simulated-fail-401' }
      const failed = [await client.submit(body), await client.submit(body)]
      for (const { id } of failed) expect(await client.done(id)).toMatchObject({ status: 'FAILED', epoch: 1 })
      const redrive = () =>
        client.post<{ redriven: number }>('/queues/ai/redrive', { error_code: 'provider_unauthorized' })
      const answers = await Promise.all([redrive(), redrive()])
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
      expect(answers.reduce((sum, answer) => sum + answer.body.redriven, 0)).toBeGreaterThanOrEqual(2)
      for (const { id } of failed)
        await client.until(id, ({ status, epoch }) => status === 'FAILED' && epoch === 2)
    })

    it('a paused lane runs nothing; when it is resumed, it runs the waiting tasks', async () => {
      const client = open()
      expect((await client.post('/queues/demo/pause')).status).toBe(200)
      try {
        // The poll in progress ends first.
        await new Promise((resolve) => setTimeout(resolve, 3_000))
        const { id } = await client.submit({ type: 'example.add', input: { x: 1, y: 2 } })
        await new Promise((resolve) => setTimeout(resolve, 3_000))
        expect((await client.get(`/tasks/${id}`)).body).toMatchObject({ status: 'PENDING', attempts: 0 })
        expect((await client.post('/queues/demo/resume')).status).toBe(200)
        expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', attempts: 1, result: 3 })
      } finally {
        await client.post('/queues/demo/resume')
      }
    })

    it('serves its documentation: task types, an OpenAPI document, a page', async () => {
      const client = open()
      const types = await client.get<{ task_types: { name: string }[] }>('/task-types')
      expect(types.body.task_types.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['example.add', 'example.run', 'text.generate']),
      )
      const document = await client.get<{ openapi: string; paths: object }>('/openapi.json')
      expect(document.body.openapi).toBe('3.1.0')
      expect(Object.keys(document.body.paths)).toContain('/tasks/{id}/cancel')
      const page = await client.get<string>('/docs')
      expect(page.headers.get('content-type')).toContain('text/html')
      expect(page.body).toContain('swagger-ui')
      const script = await client.get<string>('/docs/swagger-ui-bundle.js')
      expect(script.status).toBe(200)
      expect(script.body.length).toBeGreaterThan(500_000)
    })
  })

  describe(`${name}: callers who do not poll`, () => callerScenarios(it, open))

  describe.skipIf(backdoor === undefined)(`${name}: what operators and timers do`, () => {
    const behind = () => {
      if (!backdoor) throw new Error('There is no backdoor.')
      return backdoor()
    }

    it('a failed task is in its dead-letter queue; a redrive by SQS runs it again, once', async () => {
      const client = open()
      const { id } = await client.submit({ prompt: 'redrive me', model: 'simulated-fail-401' })
      expect(await client.done(id)).toMatchObject({ status: 'FAILED', epoch: 1 })
      const found = await behind().takeDead('ai', id)
      expect(JSON.parse(found?.Body ?? '{}')).toMatchObject({ id, epoch: 1 })
      expect(found?.MessageAttributes).toMatchObject({
        ErrorCode: { StringValue: 'provider_unauthorized' },
        Attempts: { StringValue: '1' },
      })
      await behind().send('ai', found ?? {})
      await client.until(id, ({ status, epoch }) => status === 'FAILED' && epoch === 2)
      // The same message once more, as a late duplicate.
      await behind().send('ai', found ?? {})
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      expect((await client.get(`/tasks/${id}`)).body).toMatchObject({
        status: 'FAILED',
        epoch: 2,
        attempts: 1,
      })
    })

    it(MOVE_SCENARIO, async () => {
      const client = open()
      const { id } = await client.submit({ prompt: 'move me', model: 'simulated-fail-401' })
      expect(await client.done(id)).toMatchObject({ status: 'FAILED', epoch: 1 })
      await behind().moveDead('ai')
      await client.until(id, ({ status, epoch }) => status === 'FAILED' && epoch === 2)
      // The dead letter of its second end is there now; nothing else restarts the task.
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      expect((await client.get(`/tasks/${id}`)).body).toMatchObject({ epoch: 2, attempts: 1 })
    })

    /** @param sweep undefined where the timer must start the sweep. */
    const repairsLost = async (sweep?: () => Promise<void>) => {
      const client = open()
      // The message is in the queue but not visible yet, so the purge is sure to delete it.
      const { id } = await client.submit({ type: 'example.add', input: { x: 4, y: 5 }, delay_seconds: 3 })
      await behind().purge('demo')
      await new Promise((resolve) => setTimeout(resolve, 5_000))
      expect((await client.get(`/tasks/${id}`)).body.status).toMatch(/SCHEDULED|PENDING/)
      const end = Date.now() + 140_000
      while (Date.now() < end && (await client.get(`/tasks/${id}`)).body.status !== 'COMPLETED') {
        await sweep?.()
        await new Promise((resolve) => setTimeout(resolve, 3_000))
      }
      expect((await client.get(`/tasks/${id}`)).body).toMatchObject({ status: 'COMPLETED', result: 9 })
    }

    it(TIMER_SCENARIO, () => repairsLost(), 170_000)

    // Where the timer starts sweeps, this would only be the same wait again.
    if (gaps.some(({ scenario }) => scenario === TIMER_SCENARIO))
      it(
        'a message that was lost is sent again by a sweep started by hand',
        () => repairsLost(() => behind().sweep()),
        170_000,
      )

    it('schedules that are due in the same second each fire once, in that second', async () => {
      const client = open()
      const tag = `together-${Date.now()}`
      const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 25_000).toISOString()
      const task = { type: 'example.add', input: { x: 1, y: 2 }, tags: [tag] }
      const made = await Promise.all(
        Array.from({ length: 20 }, () => client.post<{ id: string }>('/schedules', { at, task })),
      )
      expect(made.map(({ status }) => status)).toEqual(made.map(() => 201))
      type Page = { tasks: TaskView[] }
      const end = Date.now() + 120_000
      let tasks: readonly TaskView[] = []
      // Two sweeps at once, twice: each of them makes the same tasks.
      do {
        await Promise.all([behind().sweep(), behind().sweep()])
        await new Promise((resolve) => setTimeout(resolve, 3_000))
        tasks = (await client.get<Page>(`/tasks?tag=${tag}&limit=100`)).body.tasks
      } while (tasks.filter(({ status }) => status === 'COMPLETED').length < 20 && Date.now() < end)
      expect(tasks.map(({ status, result, attempts }) => [status, result, attempts])).toEqual(
        Array.from({ length: 20 }, () => ['COMPLETED', 3, 1]),
      )
      for (const { started_at } of tasks)
        expect(Date.parse(started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(at) - 50)
    }, 170_000)

    it('an unreadable message in a lane does not stop other tasks', async () => {
      const client = open()
      await behind().send('demo', { Body: 'not json' })
      const { id } = await client.submit({ type: 'example.add', input: { x: 2, y: 3 } })
      expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', result: 5 })
    })
  })

  describe(`${name}: workflows`, () => {
    it('a chord of 60 joins once, with every result; a chain continues, also after a signal', async () => {
      const client = open()
      const add = (x: unknown, y: unknown) => ({ type: 'example.add', input: { x, y } })
      type Flow = {
        id: string
        status: string
        steps: Record<string, { status: string; task_id: string; tasks: object }>
      }
      const { status, body } = await client.post<Flow>('/workflows', {
        chain: [
          {
            chord: {
              group: Array.from({ length: 60 }, (_, index) => add(index, 1)),
              then: {
                ...add({ $from: 'previous.results.0' }, { $from: 'previous.results.59' }),
                name: 'sum',
              },
            },
          },
          { name: 'ask', wait: { signal: 'go' } },
          { ...add({ $from: 'sum.result' }, { $from: 'ask.result.more' }), name: 'end' },
        ],
      })
      expect([status, body]).toEqual([202, expect.anything()])
      const end = Date.now() + 170_000
      const until = async (isThere: (flow: Flow) => boolean) => {
        for (;;) {
          const { body: flow } = await client.get<Flow>(`/workflows/${body.id}`)
          if (isThere(flow)) return flow
          if (Date.now() > end) throw new Error(`the workflow is still ${JSON.stringify(flow)}`)
          await new Promise((resolve) => setTimeout(resolve, 300))
        }
      }
      await until(({ steps }) => steps.ask?.status === 'RUNNING')
      expect((await client.post(`/workflows/${body.id}/signals/go`, { more: 100 })).status).toBe(200)
      const done = await until((flow) => flow.status !== 'RUNNING')
      expect(done.status).toBe('COMPLETED')
      expect((await client.get(`/tasks/${done.steps.end?.task_id}`)).body.result).toBe(161)
    }, 200_000)
  })

  describe(`${name}: many at once`, () => {
    it('200 tasks from 10 callers all complete, each once', async () => {
      const client = open()
      const tag = `burst-${Date.now()}`
      const startedAt = Date.now()
      const numbers = Array.from({ length: 200 }, (_, n) => n)
      const ids: string[] = []
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          for (let n = numbers.pop(); n !== undefined; n = numbers.pop())
            ids.push((await client.submit({ type: 'example.add', input: { x: n, y: n }, tags: [tag] })).id)
        }),
      )
      const submittedMs = Date.now() - startedAt
      for (const id of ids) expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', attempts: 1 })
      console.info(`${name}: 200 tasks submitted in ${submittedMs} ms, done in ${Date.now() - startedAt} ms`)
    })
  })
}
