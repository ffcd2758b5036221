import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, Client, type TaskView } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const PAGE = readFileSync(join(resolve(import.meta.dirname, '../..'), 'bin/FROM-CELERY.md'), 'utf8')

interface Line {
  readonly celery: string
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly key: string | undefined
}

/** The calls of the table, as a reader of the page would make them. */
const lines: readonly Line[] = (PAGE.split('## Calls\n')[1]?.split('\n## ')[0] ?? '')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [first = '', here = ''] = line.slice(2).split(' | ')
    const celery = first.replace(/^`|`$/g, '')
    const [, method = '', path = '', json] = /^`(GET|POST) (\S+)(?: (\{.*\}))?`/.exec(here) ?? []
    return {
      celery,
      method,
      path,
      body: json === undefined ? undefined : JSON.parse(json),
      key: /`Idempotency-Key: (.+)`/.exec(here)?.[1],
    }
  })

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
/** Tasks for the ids that the page uses. */
const ids: Record<string, string> = {}
beforeAll(async () => {
  running = await startTestRuntime()
  client = new Client(running.url)
  const add = { type: 'example.add', input: { x: 1, y: 2 } }
  const made = {
    failed: await client.submit({ prompt: 'x', model: 'simulated-refuse' }),
    waiting: await client.submit({ ...add, delay_seconds: 600 }),
    running: await client.submit({ type: 'example.run', input: { name: 'long', seconds: 100 } }),
    done: await client.submit(add),
  }
  for (const [name, { id }] of Object.entries(made)) ids[name] = id
  await client.done(made.failed.id)
  await client.done(made.done.id)
  await client.until(made.running.id, ({ status }) => status === 'PROCESSING')
})
afterAll(() => running.stop())

const send = ({ method, path, body, key }: Line): Promise<Answer<TaskView>> =>
  client.call(
    method,
    path.replace(/\{(\w+)\}/, (_, name: string) => ids[name] ?? name),
    body === undefined
      ? undefined
      : JSON.stringify(body).replace('2030-01-01T09:00:00Z', new Date(Date.now() + 10_000).toISOString()),
    key === undefined ? {} : { 'idempotency-key': key },
  )

interface Flow {
  readonly id: string
  readonly status: string
  readonly steps: Readonly<
    Record<string, { task_id: string | null; tasks: { total: number; completed: number } }>
  >
}
const flow = async (answer: Answer<TaskView>): Promise<Flow> => {
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  for (;;) {
    const { body } = await client.get<Flow>(`/workflows/${answer.body.id}`)
    if (body.status !== 'RUNNING') return body
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
const resultOf = async (id: string | null | undefined) => (await client.get(`/tasks/${id}`)).body.result
const accepted = async (answer: Answer<TaskView>): Promise<TaskView> => {
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  return client.done(answer.body.id)
}
const statuses = async (answer: Answer<TaskView>, status: string) => {
  expect(answer.status).toBe(200)
  const { tasks } = answer.body as unknown as { tasks: TaskView[] }
  expect(tasks.every((task) => task.status === status)).toBe(true)
}

/** The check of what the third column says, by the text of the first. */
const CHECKS: Readonly<Record<string, (answer: Answer<TaskView>, line: Line) => Promise<unknown>>> = {
  'add.delay(1, 2)': async (answer) => expect((await accepted(answer)).result).toBe(3),
  'add.apply_async((1, 2), countdown=2)': async (answer) => {
    expect(answer.body.status).toBe('SCHEDULED')
    const done = await accepted(answer)
    expect(Date.parse(done.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(done.created_at) + 1_990)
  },
  'add.apply_async((1, 2), eta=…)': async (answer) => {
    expect(answer.body.status).toBe('SCHEDULED')
    const done = await accepted(answer)
    expect(Date.parse(done.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(done.run_at ?? ''))
  },
  'add.apply_async((1, 2), countdown=60, expires=1)': async (answer) => expect(answer.status).toBe(422),
  'add.apply_async((1, 2), expires=60)': async (answer) => expect((await accepted(answer)).result).toBe(3),
  'add.apply_async((1, 2), priority=9)': async (answer) =>
    expect((await accepted(answer)).lane).toBe('urgent'),
  'add.apply_async((1, 2), queue="demo")': async (answer) =>
    expect((await accepted(answer)).lane).toBe('demo'),
  'add.apply_async((1, 2), task_id="order-7")': async (answer, line) => {
    await accepted(answer)
    expect((await send(line)).body.id).toBe(answer.body.id)
  },
  'chain(add.s(1, 2), add.s(10))()': async (answer) =>
    expect(await resultOf((await flow(answer)).steps['2']?.task_id)).toBe(13),
  'group(add.s(1, 2), add.s(3, 4))()': async (answer) =>
    expect((await flow(answer)).steps.group?.tasks).toMatchObject({ total: 2, completed: 2 }),
  'chord([add.s(1, 2), add.s(3, 4)])(add.s())': async (answer) =>
    expect(await resultOf((await flow(answer)).steps.then?.task_id)).toBe(10),
  'add.starmap([(1, 2), (3, 4)])': async (answer) =>
    expect((await flow(answer)).steps.group?.tasks).toMatchObject({ total: 2, completed: 2 }),
  'add.chunks(zip(range(4), range(4)), 2)': async (answer) => {
    await client.post(`/workflows/${answer.body.id}/signals/numbers`, { list: [0, 1, 2, 3] })
    expect((await flow(answer)).steps['2']?.tasks).toMatchObject({ total: 4, completed: 4 })
  },
  'add.retry()': async (answer) => expect(answer).toMatchObject({ status: 200, body: { epoch: 2 } }),
  'AsyncResult(id).revoke()': async (answer) => expect(answer.body.status).toBe('CANCELLED'),
  'AsyncResult(id).revoke(terminate=True)': async (answer) => expect(answer.body.status).toBe('CANCELLED'),
  'AsyncResult(id).state': async (answer) => {
    expect(answer.body.status).toBe('COMPLETED')
    expect((await client.get('/tasks/nobody-knows')).status).toBe(404)
  },
  'AsyncResult(id).get(timeout=10)': async (answer) =>
    expect(answer.body).toMatchObject({ status: 'COMPLETED', result: 3 }),
  'beat_schedule = {… crontab(hour=7, minute=30, day_of_week=1)}': async (answer) => {
    expect(answer.status).toBe(201)
    expect(answer.body).toMatchObject({ in_words: 'At 07:30, only on Monday (Europe/Berlin)' })
  },
  'beat_schedule = {… "schedule": 30.0}': async (answer) =>
    expect(answer.body).toMatchObject({ in_words: 'Every 30 seconds' }),
  'inspect().active()': (answer) => statuses(answer, 'PROCESSING'),
  'inspect().reserved()': (answer) => statuses(answer, 'PENDING'),
  'inspect().scheduled()': (answer) => statuses(answer, 'SCHEDULED'),
  'inspect().registered()': async ({ body }) =>
    expect((body as unknown as { task_types: unknown[] }).task_types).toContainEqual(
      expect.objectContaining({ name: 'example.add' }),
    ),
  'inspect().stats()': async ({ body }) => expect(body).toHaveProperty('counts'),
  'inspect().ping()': async ({ body }) => expect(body).toMatchObject({ status: 'healthy' }),
}

/** The table of states: the text of its last column, by Celery's name. */
const states = (PAGE.split('## States\n')[1]?.split('\n## ')[0] ?? '')
  .split('\n')
  .filter((line) => line.startsWith('| ') && line.includes('`'))
  .map((line) => {
    const [celery = '', , here = ''] = line.slice(2).split(' | ')
    return { celery, here: [...here.matchAll(/`([A-Z]+)`/g)].map(([, status = '']) => status) }
  })

const long = { type: 'example.run', input: { name: 'states', seconds: 100 }, concurrency_key: 'states' }
const add = { type: 'example.add', input: { x: 1, y: 2 } }
/** How to bring a task into each state. */
const REACHED: Readonly<Record<string, () => Promise<object>>> = {
  // It waits for one with the same key.
  PENDING: async () => {
    await client.submit(long)
    return { ...add, concurrency_key: 'states' }
  },
  SCHEDULED: async () => ({ ...add, delay_seconds: 600 }),
  PROCESSING: async () => ({ ...long, concurrency_key: 'other states' }),
  RETRYING: async () => ({ prompt: 'x', model: 'simulated-429-60' }),
  COMPLETED: async () => add,
  FAILED: async () => ({ prompt: 'x', model: 'simulated-refuse' }),
  CANCELLED: async () => ({ ...add, delay_seconds: 600 }),
  EXPIRED: async () => ({ ...add, delay_seconds: 1, expires_in_seconds: 2, concurrency_key: 'states' }),
}

describe('the page for Celery users', () => {
  it('has a check for each call of its table, and no check without a line', () => {
    expect(lines.map(({ celery }) => celery)).toEqual(Object.keys(CHECKS))
  })

  it.concurrent.each(lines)('$celery', async (line) => {
    const check = CHECKS[line.celery]
    if (!check) throw new Error('The line has no check.')
    await check(await send(line), line)
  })
})

// After the calls, because their running task ends soon.
describe('the states on the page for Celery users', () => {
  it.concurrent.each(states.flatMap(({ here }) => here))('a task is %s', async (status) => {
    const { id } = await client.submit((await REACHED[status]?.()) ?? {})
    if (status === 'CANCELLED') await client.post(`/tasks/${id}/cancel`)
    await client.until(id, (task) => task.status === status)
  })

  it('has a check for each state in its table', () => {
    expect(states.flatMap(({ here }) => here).sort()).toEqual(Object.keys(REACHED).sort())
    expect(states.map(({ celery }) => celery)).toContain('STARTED, PROGRESS')
  })
})
