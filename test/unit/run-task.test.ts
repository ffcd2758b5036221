import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { runBatch } from '../../functions/core/application/run/run-batch.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import {
  MisconfiguredError,
  ProviderError,
  TaskError,
  UnavailableError,
} from '../../functions/core/domain/errors.ts'
import type { TaskKey } from '../../functions/core/domain/task.ts'
import type { Transition } from '../../functions/core/domain/transitions.ts'
import type { TaskStore } from '../../functions/core/ports/task-store.ts'
import { makeWorld, pollLane, SUBMISSION, type World } from '../fixtures/world.ts'

const submit = async (world: World, changes = {}) =>
  (await submitTask(world, { ...SUBMISSION, ...changes })).task

/** As `pollLane`, but counts the messages that stay. */
const poll = (world: World) => {
  const { batch, count } = pollLane(world)
  return { batch: batch.then(({ size }) => size), count }
}
const pollToEnd = async (world: World, ms = 1_000) => {
  const { batch } = poll(world)
  await world.clock.advance(ms)
  return batch
}
const read = async (world: World, id: string) => {
  const task = await world.store.get({ tenant: 'acme', id })
  if (!task) throw new Error('no row')
  return task
}
const waiting = (context: { sleep: (ms: number) => Promise<void> }, ms: number) => context.sleep(ms)

describe('the life of a task', () => {
  it("an author's error and progress are stored without the environment's secrets", async () => {
    const world = makeWorld(async (context: never) => {
      const { progress } = context as { progress: (percent: number, message: string) => void }
      progress(40, 'asking with qq7-secret')
      await waiting(context, 5_000)
      throw new TaskError('fetch failed with header qq7-secret')
    })
    const worker = { ...world.worker, mask: (text: string) => text.replaceAll('qq7-secret', '…') }
    const { id } = await submit(world)
    const batch = runBatch(worker, world.queue.receive('ai'), world.clock.now() + 300_000)
    await world.clock.advance(3_000)
    expect((await read(world, id)).progress).toEqual({ percent: 40, message: 'asking with …' })
    await world.clock.advance(3_000)
    await batch
    expect((await read(world, id)).error).toMatchObject({ message: 'fetch failed with header …' })
  })

  it('a submitted task runs to COMPLETED with two writes and leaves no message', async () => {
    const world = makeWorld(async () => 'the answer')
    const { id } = await submit(world)
    expect(await pollToEnd(world)).toBe(0)
    const task = await read(world, id)
    expect(task).toMatchObject({ status: 'COMPLETED', attempt: 1, result: { json: '"the answer"' } })
    expect(task.dueAt).toBeUndefined()
    expect(task.history).toMatchObject([{ attempt: 1, outcome: 'completed' }])
    expect(world.queue.messages.ai).toHaveLength(0)
  })

  it('a retryable failure is received again as the same message, exactly after the backoff', async () => {
    let calls = 0
    const world = makeWorld(async () => {
      calls += 1
      if (calls === 1)
        throw new ProviderError('provider_unavailable', 'No answer.', 'counted', 'openai', { status: 500 })
      return 'ok'
    })
    world.clock.chance = 1
    const { id } = await submit(world)
    expect(await pollToEnd(world, 0)).toBe(1)
    expect(await read(world, id)).toMatchObject({
      status: 'RETRYING',
      attempt: 1,
      error: { code: 'provider_unavailable' },
    })
    await world.clock.advance(1_999)
    expect(world.queue.receive('ai')).toHaveLength(0)
    await world.clock.advance(1)
    expect(await pollToEnd(world, 0)).toBe(0)
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED', attempt: 2 })
    expect((await read(world, id)).error).toBeUndefined()
  })

  it('Retry-After overrides the backoff; beyond 15 minutes the row is parked and the sweeper sends it on time', async () => {
    let calls = 0
    const world = makeWorld(async () => {
      calls += 1
      if (calls === 1)
        throw new ProviderError('provider_rate_limited', 'Slow down.', 'counted', 'openai', {
          retryAfterMs: 1_200_000,
        })
      return 'ok'
    })
    world.clock.chance = 0
    const { id } = await submit(world)
    const start = world.clock.now()
    expect(await pollToEnd(world, 0)).toBe(0)
    expect(await read(world, id)).toMatchObject({
      status: 'RETRYING',
      dueKind: 'timed',
      dueAt: start + 1_200_000,
    })
    await world.clock.advance(1_170_000)
    expect(await sweep(world, world.clock.now() + 50_000)).toMatchObject({ sent: 1 })
    await world.clock.advance(29_000)
    expect(world.queue.receive('ai')).toHaveLength(0)
    await world.clock.advance(1_000)
    expect(await pollToEnd(world, 0)).toBe(0)
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED', attempt: 2 })
  })

  it('after the last attempt the row is FAILED, and its message is in the dead-letter queue with the error', async () => {
    const world = makeWorld(async () => {
      throw new ProviderError('provider_unavailable', 'No answer.', 'counted', 'openai')
    })
    const { id } = await submit(world, { maxAttempts: 2 })
    await pollToEnd(world, 60_000)
    await pollToEnd(world, 0)
    const task = await read(world, id)
    expect(task).toMatchObject({ status: 'FAILED', attempt: 2, error: { code: 'provider_unavailable' } })
    expect(task.dueAt).toBeUndefined()
    expect(world.queue.dead.ai).toEqual([
      {
        v: 1,
        tenant: 'acme',
        id,
        epoch: 1,
        trace: task.trace,
        dead: { code: 'provider_unavailable', attempts: 2 },
      },
    ])
  })

  it('an error that is never retried ends the task at once', async () => {
    const world = makeWorld(async () => {
      throw new TaskError('No such document.')
    })
    const { id } = await submit(world)
    await pollToEnd(world, 0)
    expect(await read(world, id)).toMatchObject({ status: 'FAILED', attempt: 1, error: { retryable: false } })
  })

  it('a redriven dead letter starts epoch 2 once; its copies and outdated messages have no effect', async () => {
    let calls = 0
    const world = makeWorld(async () => {
      calls += 1
      if (calls === 1) throw new TaskError('No.')
      return 'ok'
    })
    const { id } = await submit(world)
    await pollToEnd(world, 0)
    const [dead] = world.queue.dead.ai
    if (!dead) throw new Error('no dead letter')
    await world.queue.send('ai', dead)
    await world.queue.send('ai', dead)
    await world.queue.send('ai', { v: 1, tenant: 'acme', id, epoch: 1 })
    await pollToEnd(world, 0)
    await world.clock.advance(120_000)
    await pollToEnd(world, 0)
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED', epoch: 2, attempt: 1 })
    expect(calls).toBe(2)
    expect(world.queue.messages.ai).toHaveLength(0)
  })

  it('a duplicate that finds a valid lease stays in the queue until the lease ends, then is deleted as done', async () => {
    const world = makeWorld((context) => waiting(context, 30_000))
    const { id } = await submit(world)
    const first = poll(world)
    await world.clock.advance(5_000)
    await world.queue.send('ai', { v: 1, tenant: 'acme', id, epoch: 1 })
    const second = poll(world)
    expect(second.count).toBe(1)
    expect(await second.batch).toBe(1)
    await world.clock.advance(40_000)
    expect(await first.batch).toBe(0)
    await world.clock.advance(60_000)
    expect(await pollToEnd(world, 0)).toBe(0)
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED', attempt: 1 })
    expect(world.queue.messages.ai).toHaveLength(0)
  })

  it('a long attempt renews its lease and its message’s visibility by its heartbeat', async () => {
    const world = makeWorld((context) => waiting(context, 200_000))
    const { id } = await submit(world)
    const { batch } = poll(world)
    for (let second = 0; second < 199; second += 1) {
      await world.clock.advance(1_000)
      expect(world.queue.receive('ai')).toHaveLength(0)
      const { claimableFrom } = await read(world, id)
      expect(claimableFrom).toBeGreaterThan(world.clock.now())
    }
    await world.clock.advance(2_000)
    await batch
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED', attempt: 1 })
  })

  it('a long attempt keeps its lease while table and queue are slow', async () => {
    const world = makeWorld(async (context) => waiting(context as never, 200_000))
    const change = world.store.change.bind(world.store)
    world.store.change = async (key, transition) => {
      const isSlow = transition.name === 'renew' || transition.name === 'claim'
      if (isSlow) await world.clock.sleep(15_000)
      const written = await change(key, transition)
      if (isSlow) await world.clock.sleep(15_000)
      return written
    }
    const changeVisibility = world.queue.changeVisibility.bind(world.queue)
    world.queue.changeVisibility = async (...changed) => {
      await world.clock.sleep(15_000)
      return changeVisibility(...changed)
    }
    const { id } = await submit(world)
    const { batch } = poll(world)
    for (let seconds = 0; seconds < 200; seconds += 5) {
      await world.clock.advance(5_000)
      const { claimableFrom, status } = await read(world, id)
      if (status === 'PROCESSING') expect(claimableFrom).toBeGreaterThan(world.clock.now())
    }
    await world.clock.advance(60_000)
    await batch
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED', attempt: 1 })
  })

  it('an attempt that hangs ends at its soft limit and is retried', async () => {
    const world = makeWorld(() => new Promise(() => undefined))
    const { id } = await submit(world, { timeoutMs: 5_000 })
    const { batch } = poll(world)
    await world.clock.advance(4_999)
    expect(await read(world, id)).toMatchObject({ status: 'PROCESSING' })
    await world.clock.advance(1)
    expect(await batch).toBe(1)
    expect(await read(world, id)).toMatchObject({ status: 'RETRYING', error: { code: 'timeout' } })
  })

  it('one record that hangs does not delay the results of the nine others', async () => {
    const world = makeWorld((context: { input: { n: number }; sleep: (ms: number) => Promise<void> }) =>
      context.input.n === 0 ? new Promise(() => undefined) : waiting(context, 1_000),
    )
    const tasks = []
    for (let n = 0; n < 10; n += 1) tasks.push(await submit(world, { input: { n }, timeoutMs: 60_000 }))
    const { batch } = poll(world)
    await world.clock.advance(1_500)
    const statuses = await Promise.all(tasks.map(async ({ id }) => (await read(world, id)).status))
    expect(statuses).toEqual(['PROCESSING', ...Array(9).fill('COMPLETED')])
    await world.clock.advance(60_000)
    expect(await batch).toBe(1)
  })

  it('a cancel stops the running attempt within 3 s and no result is stored', async () => {
    let reason: unknown
    const world = makeWorld(
      async (context: { signal: AbortSignal; sleep: (ms: number) => Promise<void> }) => {
        context.signal.addEventListener('abort', () => {
          reason = context.signal.reason
        })
        await context.sleep(60_000)
        return 'late'
      },
    )
    const { id } = await submit(world)
    const { batch } = poll(world)
    await world.clock.advance(5_300)
    await cancelTask(world, { tenant: 'acme', id })
    await world.clock.advance(3_000)
    expect(reason).toMatchObject({ code: 'cancelled' })
    expect(await batch).toBe(0)
    const task = await read(world, id)
    expect(task).toMatchObject({ status: 'CANCELLED' })
    expect(task.result).toBeUndefined()
  })

  it('a cancelled attempt records its cost', async () => {
    const world = makeWorld(
      async (context: {
        model: { complete: (call: object) => Promise<string> }
        sleep: (ms: number) => Promise<void>
      }) => {
        await context.model.complete({ prompt: 'x' })
        await context.sleep(60_000)
      },
    )
    const { id } = await submit(world)
    const { batch } = poll(world)
    await world.clock.advance(5_000)
    await cancelTask(world, { tenant: 'acme', id })
    await world.clock.advance(3_000)
    await batch
    expect(await read(world, id)).toMatchObject({
      status: 'CANCELLED',
      usage: { inputTokens: 1, outputTokens: 2 },
    })
  })

  it('progress is written about once a second, not once per word', async () => {
    const world = makeWorld(
      async (context: { progress: (percent: number) => void; sleep: (ms: number) => Promise<void> }) => {
        for (let n = 1; n <= 100; n += 1) {
          await context.sleep(50)
          context.progress(n)
        }
      },
    )
    const change = world.store.change.bind(world.store)
    const writes: string[] = []
    world.store.change = (key, transition) => {
      writes.push(transition.name)
      return change(key, transition)
    }
    await submit(world)
    await pollToEnd(world, 6_000)
    const reports = writes.filter((name) => name === 'report')
    expect(reports.length).toBeGreaterThanOrEqual(3)
    expect(reports.length).toBeLessThanOrEqual(5)
  })

  it('an attempt whose paid answer could not be stored is counted, so that payments are limited', async () => {
    let calls = 0
    const world = makeWorld(async (context) => {
      calls += 1
      return (context as { model: { complete(call: object): Promise<string> } }).model.complete({
        prompt: 'x',
      })
    })
    const down = async () => Promise.reject(new UnavailableError('The payload bucket did not answer.'))
    Object.assign(world.worker, { payloads: { ...world.payloads, keep: down } })
    const { id } = await submit(world, { model: 'gpt-3.5-turbo', maxAttempts: 2 })
    for (let round = 0; round < 12; round += 1) await pollToEnd(world, 30_000)
    expect(await read(world, id)).toMatchObject({ status: 'FAILED', attempt: 2 })
    expect(calls).toBe(2)
  })

  it('an attempt that fails because the bucket does not answer is not counted', async () => {
    const world = makeWorld(async () => 'ok')
    let failures = 1
    const worker = {
      ...world.worker,
      payloads: {
        ...world.payloads,
        read: async (payload: { json: string } | { key: string; bytes: number; sha256: string }) => {
          if (failures-- > 0) throw new UnavailableError('The payload bucket did not answer (read).')
          return 'json' in payload ? payload.json : ''
        },
      },
    }
    const broken = { ...world, worker }
    const { id } = await submit(world, { maxAttempts: 1 })
    expect(await pollToEnd(broken, 0)).toBe(1)
    expect(await read(world, id)).toMatchObject({ status: 'RETRYING', attempt: 0 })
    await world.clock.advance(5_000)
    await pollToEnd(broken, 0)
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED', attempt: 1 })
  })

  it.each([
    ['claim', 0, 'task.claimed', 1],
    ['complete', 0, 'task.completed', 1],
    ['retryLater', 1, 'task.retrying', 2],
    ['fail', 4, 'task.failed', 4],
  ])('a %s whose response was lost is known as its own', async (name, failures, event, attempt) => {
    let left = failures
    const world = makeWorld(async () => {
      left -= 1
      if (left >= 0) throw new Error('not yet')
    })
    let isLost = false
    const store: TaskStore = Object.assign(Object.create(world.store), {
      change: async (key: TaskKey, transition: Transition) => {
        const written = await world.store.change(key, transition)
        if (isLost || transition.name !== name) return written
        isLost = true
        throw new UnavailableError('The answer of the table was lost.')
      },
    })
    const harmed = { ...world, worker: { ...world.worker, store } }
    const { id } = await submit(world)
    for (let round = 0; round < 10; round += 1) await pollToEnd(harmed, 20_000)
    const { status, history } = await read(world, id)
    expect({ isLost, status }).toEqual({ isLost: true, status: failures > 3 ? 'FAILED' : 'COMPLETED' })
    expect(history.map(({ outcome }) => outcome)).not.toContain('worker_crashed')
    expect(history).toHaveLength(attempt)
    const told = world.events.map((one) => one.event)
    expect(told).not.toContain('task.stopped')
    expect(told.filter((one) => one === event)).toHaveLength(1)
  })

  it('a large result is marked on the row when it contains files', async () => {
    for (const [more, hasFiles] of [
      [{ file: `file-${'0'.repeat(32)}`, name: 'a.png' }, true],
      [{}, undefined],
    ] as const) {
      const world = makeWorld(async () => ({ text: 'w'.repeat(20_000), ...more }))
      const { id } = await submit(world)
      await pollToEnd(world, 0)
      const { result } = await read(world, id)
      expect(result).toMatchObject({ key: expect.any(String) })
      expect((result as { hasFiles?: true }).hasFiles).toBe(hasFiles)
    }
  })

  it('a missing input ends the task at once, with the code missing', async () => {
    const world = makeWorld()
    const { id } = await submit(world, { input: { text: 'x'.repeat(20_000) } })
    world.payloads.objects.clear()
    await pollToEnd(world, 0)
    expect(await read(world, id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'missing', retryable: false },
      history: [{ outcome: 'missing', attempt: 1 }],
    })
    expect(world.queue.dead.ai).toMatchObject([{ dead: { code: 'missing' } }])
  })

  it('a bucket that never answers for one task ends it after an hour, with its own code', async () => {
    const world = makeWorld()
    let receives = 0
    const down = async () => {
      receives += 1
      throw new UnavailableError('The payload bucket did not answer.')
    }
    Object.assign(world.worker, { payloads: { ...world.payloads, read: down } })
    const { id } = await submit(world, { maxAttempts: 2 })
    for (let minute = 0; minute < 120; minute += 1) {
      await pollToEnd(world, 30_000)
      await sweep({ ...world, ...world.worker }, world.clock.now() + 50_000)
      await pollToEnd(world, 30_000)
    }
    const task = await read(world, id)
    expect(task).toMatchObject({ status: 'FAILED', attempt: 2, error: { code: 'unavailable' } })
    expect(task.history.map(({ outcome }) => outcome)).toEqual(['unavailable', 'unavailable'])
    expect(task.uncounted).toBeLessThanOrEqual(16)
    expect(receives).toBeLessThanOrEqual(20)
  })

  it('no progress value of an author can cause the loss of the lease', async () => {
    const world = makeWorld(async (context) => {
      const { progress, sleep } = context as {
        progress: (percent: unknown, message?: unknown) => void
        sleep: (ms: number) => Promise<void>
      }
      for (const [percent, message] of [
        [Number.NaN, 'a'],
        [Number.POSITIVE_INFINITY, `${'x'.repeat(299)}\u{1f600}`],
        ['50', { toString: () => '\ud800' }],
        [undefined, null],
      ]) {
        progress(percent, message)
        await sleep(20_000)
      }
      return 'done'
    })
    const { id } = await submit(world)
    const written: string[] = []
    const change = world.store.change.bind(world.store)
    world.store.change = async (key, transition) => {
      written.push(JSON.stringify(transition.set))
      return change(key, transition)
    }
    await pollToEnd(world, 90_000)
    expect((await read(world, id)).status).toBe('COMPLETED')
    // JSON cannot represent NaN, and escapes half a character.
    expect(written.join('')).not.toMatch(/"percent":null|\\ud[89a-f]/)
  })

  it('a failed heartbeat writes one log line, with its cause', async () => {
    const world = makeWorld(async (context) => waiting(context as never, 30_000))
    const change = world.store.change.bind(world.store)
    world.store.change = async (key, transition) => {
      if (transition.name === 'renew')
        throw new MisconfiguredError('The table refuses this function (renew).')
      return change(key, transition)
    }
    await submit(world)
    await pollToEnd(world, 30_000)
    expect(world.events.filter(({ event }) => event === 'heartbeat.failed')).toMatchObject([
      { fields: { code: 'misconfigured', what: 'lease' } },
    ])
  })

  it.each([
    ['short', 'No.', 'x'],
    ['of three bytes a character', '不行。', '标'],
    ['of characters that JSON escapes', '\u0001"\\', '"'],
    ['of characters in two halves', '😀😀', '🏷'],
  ])(
    'the history of many attempts contains the first and the latest, within the size of a row: text of %s',
    async (_, word, mark) => {
      const world = makeWorld(async () => {
        throw new TaskError(word.repeat(100_000), {
          code: 'x'.repeat(64),
          detail: { word: word.repeat(10_000) },
        })
      })
      const task = await submit(world, {
        maxAttempts: 1,
        input: { text: 'x'.repeat(8_000) },
        tags: Array.from({ length: 20 }, (_, n) => `${n}`.padEnd(64, mark)),
      })
      for (let epoch = 1; epoch <= 200; epoch += 1) {
        await pollToEnd(world, 0)
        if (epoch < 200) await retryTask(world.worker, task)
      }
      const row = await read(world, task.id)
      expect(row).toMatchObject({ epoch: 200, attemptsOmitted: 170 })
      expect(row.history.map(({ epoch }) => epoch)).toEqual([
        ...Array.from({ length: 10 }, (_, n) => n + 1),
        ...Array.from({ length: 20 }, (_, n) => n + 181),
      ])
      expect(Buffer.byteLength(JSON.stringify(row))).toBeLessThan(40_000)
    },
  )

  it('a cancelled attempt is in the history', async () => {
    const world = makeWorld(async (context) => waiting(context as never, 60_000))
    const { id } = await submit(world)
    const { batch } = poll(world)
    await world.clock.advance(1_000)
    await cancelTask(world, { tenant: 'acme', id })
    await world.clock.advance(5_000)
    await batch
    expect(await read(world, id)).toMatchObject({
      status: 'CANCELLED',
      history: [{ attempt: 1, outcome: 'cancelled' }],
    })
  })

  it('a task type that this worker does not know yet is tried later, not failed', async () => {
    const world = makeWorld()
    const { id } = await submit(world, { type: 'new.thing' })
    await pollToEnd(world, 0)
    expect(await read(world, id)).toMatchObject({ status: 'RETRYING', error: { code: 'unknown_task_type' } })
  })

  it('an input that the schema no longer accepts: the error names the fields, and a later attempt checks again', async () => {
    const world = makeWorld()
    const { id } = await submit(world, { input: { text: 'x' } })
    const input = z.strictObject({ body: z.string() })
    Object.assign(world.type, { input })
    await pollToEnd(world, 0)
    const { status, error } = await read(world, id)
    expect([status, error?.code]).toEqual(['RETRYING', 'invalid_input'])
    expect(error?.message).toMatch(
      /^The task type "test\.run" no longer accepts the input: input\.body is missing\. input\.text is not/,
    )
    Object.assign(world.type, { input: input.or(z.strictObject({ text: z.string() })) })
    await world.clock.advance(60_000)
    await pollToEnd(world, 0)
    expect(await read(world, id)).toMatchObject({ status: 'COMPLETED' })
  })
})

describe('the result of an author’s code', () => {
  const broken = (): never => {
    throw new Error('broken')
  }
  const circular = () => {
    const a: Record<string, unknown> = {}
    a.b = a
    return { a }
  }

  it.each([
    [
      'an instance of a class',
      new (class Point {
        x = 1
      })(),
      { x: 1 },
    ],
    ['minus zero, which is zero', { n: -0 }, { n: 0 }],
    ['an object without a prototype', Object.assign(Object.create(null), { x: 1 }), { x: 1 }],
    [
      'the same object twice',
      (() => {
        const one = { x: 1 }
        return [one, one]
      })(),
      [{ x: 1 }, { x: 1 }],
    ],
    ['half a character', { text: '\ud83d' }, { text: '\ud83d' }],
    ['a Date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ])('%s is returned unchanged', async (_, value, result) => {
    const world = makeWorld(async () => value)
    const { id } = await submit(world)
    await pollToEnd(world)
    const task = await read(world, id)
    expect([task.status, JSON.parse((task.result as { json: string }).json)]).toEqual(['COMPLETED', result])
  })

  it.each([
    ['a BigInt', { sum: 1n }, 'sum is a BigInt'],
    ['a Map', { rows: [new Map()] }, 'rows.0 is a Map'],
    ['NaN', { mean: Number.NaN }, 'mean is NaN'],
    ['an invalid Date', { at: new Date('never') }, 'at is an invalid Date'],
    ['an iterator', { rows: [1].values() }, 'rows is a Iterator'],
    ['itself', circular(), 'a.b holds itself'],
    ['a key that is a symbol', { [Symbol('s')]: 1, x: 1 }, 'has a symbol as a key'],
    ['bytes', { data: new Uint8Array(2) }, 'data is a Uint8Array'],
    ['a hole', { rows: Object.assign([1], { 2: 3 }) }, 'rows.1 is undefined'],
    ['a hole of a billion', { rows: new Array(1e9) }, 'rows.0 is undefined'],
    ['what writes itself as no number', { at: { toJSON: () => Number.NaN } }, 'at is NaN'],
    ['what writes itself as a BigInt', { at: { toJSON: () => ({ n: 1n }) } }, 'at.n is a BigInt'],
    [
      'a getter that throws',
      Object.defineProperty({}, 'x', { enumerable: true, get: broken }),
      'cannot be written',
    ],
    ['a proxy that throws', new Proxy({}, { ownKeys: broken }), 'cannot be written'],
    ['a writer that throws', { toJSON: broken }, 'cannot be written'],
    ['a wrapped number', { n: Object(7) }, 'n is a Number'],
    ['a promise', { later: Promise.resolve(1) }, 'later is a Promise'],
  ])('%s in a result is invalid_output with its path, and not retried', async (_, value, message) => {
    const world = makeWorld(async () => value)
    const { id } = await submit(world)
    await pollToEnd(world)
    expect(await read(world, id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'invalid_output', message: expect.stringContaining(message), retryable: false },
    })
  })

  it.each([
    ['a BigInt', { sum: 1n }, 'sum is a BigInt'],
    ['a Set', new Set([1]), 'the value is a Set'],
  ])('%s in a step is refused with its path before it is stored', async (_, value, message) => {
    const world = makeWorld(
      async ({ step }: { step: (name: string, run: () => unknown) => Promise<unknown> }) =>
        step('count', () => value),
    )
    const { id } = await submit(world)
    await pollToEnd(world)
    expect(await read(world, id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'invalid_output', message: expect.stringContaining(message) },
    })
  })
})

describe('an error of an author’s code', () => {
  const gone = () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }
  const broken = (name: string) =>
    Object.defineProperty(new Error('x'), name, {
      get: () => {
        throw new Error('broken')
      },
    })

  it.each<[string, unknown, RegExp]>([
    ['null', null, /threw null/],
    ['undefined', undefined, /threw undefined/],
    ['a text', 'no such customer', /^no such customer$/],
    ['a number', 7, /threw 7/],
    ['a symbol', Symbol('s'), /threw Symbol\(s\)/],
    ['an object', { reason: 'none', code: 4 }, /"reason":"none"/],
    ['an object with a BigInt', { n: 1n }, /object with n/],
    [
      'an object that contains itself',
      Object.assign({ x: 1 } as { me?: unknown }, {
        get me() {
          return this
        },
      }),
      /threw/,
    ],
    ['a frozen error', Object.freeze(new Error('frozen')), /^frozen$/],
    ['an error without words', new RangeError(''), /^RangeError$/],
    [
      'an error whose message is a number',
      Object.assign(new Error('x'), { message: 5 }),
      /words are no text/,
    ],
    ['an error that cannot be read', broken('message'), /cannot be read/],
    ['an error whose code cannot be read', broken('code'), /cannot be read/],
    ['an error whose stack cannot be read', broken('stack'), /cannot be read/],
    ['a proxy that is gone', gone(), /cannot be read/],
    [
      'an object whose fields cannot be read',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('x')
          },
        },
      ),
      /cannot be read|object with/,
    ],
    ['half a character', new Error('\ud83d'), /./],
  ])(
    '%s ends the attempt with a readable task failure, and the task after its attempts',
    async (_, thrown, message) => {
      const world = makeWorld(async () => {
        throw thrown
      })
      const { id } = await submit(world)
      for (let round = 0; round < 5; round += 1) await pollToEnd(world, 70_000)
      const task = await read(world, id)
      expect(task).toMatchObject({ status: 'FAILED', attempt: 4, error: { code: 'task_failed' } })
      expect(task.error?.message).toMatch(message)
    },
  )
})
