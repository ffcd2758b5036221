import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { webhookBody } from '../../functions/api/webhook-body.ts'
import { deliverWebhook } from '../../functions/core/application/webhook/deliver-webhook.ts'
import { resendFailed, resendWebhook } from '../../functions/core/application/webhook/resend-webhook.ts'
import { addEndpoint, rotateSecret } from '../../functions/core/application/webhook/webhook-settings.ts'
import { BugError, MissingError, UnavailableError } from '../../functions/core/domain/errors.ts'
import type { Payload } from '../../functions/core/domain/task.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { makeWebhookWorld, NOW, startReceiver } from '../fixtures/webhook-world.ts'

let receiver: Awaited<ReturnType<typeof startReceiver>>
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(() => receiver.stop())
const ownWebhook = () => ({ webhook: { url: receiver.url } })
const HOUR = 3_600_000

describe('a webhook delivery', () => {
  it('arrives once, with a signature that the official library accepts', async () => {
    const world = makeWebhookWorld()
    await world.notify(ownWebhook())
    await world.notify(ownWebhook())
    await world.work()
    await world.work()
    expect(receiver.received).toHaveLength(1)
    expect(world.all()).toMatchObject([{ status: 'DELIVERED', attempts: 1, log: [{ status: 204 }] }])
    const { headers, body } = receiver.received[0] ?? { headers: {}, body: '' }
    // The library compares timestamps with the real clock.
    expect(headers['webhook-timestamp']).toBe(String(NOW / 1_000))
    const verifier = new Webhook(await world.secret())
    const signature = verifier.sign(headers['webhook-id'] ?? '', new Date(NOW), body)
    expect(headers['webhook-signature']).toBe(signature)
  })

  it('carries two signatures for a day after a rotation, then one', async () => {
    const world = makeWebhookWorld()
    const before = await world.secret()
    const { secret } = await rotateSecret(world.dependencies, 'acme')
    expect(secret).not.toBe(before)
    await world.notify(ownWebhook())
    await world.work()
    await world.clock.advance(25 * HOUR)
    await world.notify({ ...ownWebhook(), id: 'task0000000000000000000002' })
    await world.work()
    const [first, second] = receiver.received
    const signed = (one: typeof first, by: string, at: number) =>
      new Webhook(by).sign(one?.headers['webhook-id'] ?? '', new Date(at), one?.body ?? '')
    expect(first?.headers['webhook-signature']).toBe(
      `${signed(first, secret, NOW)} ${signed(first, before, NOW)}`,
    )
    expect(second?.headers['webhook-signature']).toBe(signed(second, secret, NOW + 25 * HOUR))
  })

  it('is sent to the task’s own URL and to each endpoint that subscribes to the event', async () => {
    const world = makeWebhookWorld()
    await addEndpoint(world.dependencies, 'acme', { url: `${receiver.url}/all` })
    await addEndpoint(world.dependencies, 'acme', { url: `${receiver.url}/failed`, events: ['failed'] })
    await addEndpoint(world.dependencies, 'other', { url: `${receiver.url}/foreign` })
    await world.notify({ ...ownWebhook(), hasEndpoints: true })
    expect(world.all().map(({ url }) => url)).toEqual([receiver.url, `${receiver.url}/all`])
    expect(new Set(world.all().map(({ id }) => id)).size).toBe(2)
  })

  it('to a receiver that is down for six hours arrives after it is back', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) => response.writeHead(503).end())
    await world.notify(ownWebhook())
    await world.work()
    await world.pass(6 * HOUR)
    const [down] = world.all()
    expect(down).toMatchObject({ status: 'PENDING' })
    expect(down?.attempts).toBeGreaterThanOrEqual(7)
    receiver.answerWith((_request, response) => response.writeHead(200).end())
    await world.pass(8 * HOUR, 600_000)
    expect(world.all()).toMatchObject([{ status: 'DELIVERED' }])
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  })

  it('is given up after a day, and can be resent by hand', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) => response.writeHead(500).end())
    await world.notify(ownWebhook())
    await world.work()
    await world.pass(25 * HOUR, 600_000)
    const [failed] = world.all()
    expect(failed).toMatchObject({ status: 'FAILED', attempts: 11 })
    expect(failed?.dueAt).toBeUndefined()
    receiver.answerWith((_request, response) => response.writeHead(200).end())
    if (failed) await resendWebhook(world.dependencies, failed)
    await expect(
      resendWebhook(world.dependencies, { tenant: 'acme', id: failed?.id ?? '' }),
    ).rejects.toMatchObject({ code: 'wrong_state' })
    await world.work()
    expect(world.all()).toMatchObject([{ status: 'DELIVERED', attempts: 1 }])
    expect(await resendFailed(world.dependencies, 'acme', {})).toEqual([])
    await expect(
      resendWebhook(world.dependencies, { tenant: 'other', id: failed?.id ?? '' }),
    ).rejects.toMatchObject({ code: 'not_found' })
  })

  it('stops at 410, and its endpoint gets nothing more', async () => {
    const world = makeWebhookWorld()
    const { id } = await addEndpoint(world.dependencies, 'acme', { url: receiver.url })
    receiver.answerWith((_request, response) => response.writeHead(410).end())
    await world.notify({ hasEndpoints: true })
    await world.work()
    expect(world.all()).toMatchObject([{ status: 'FAILED', log: [{ status: 410, error: 'gone' }] }])
    expect((await world.webhooks.settings('acme'))?.endpoints).toMatchObject([{ id, goneAt: NOW }])
    await world.notify({ hasEndpoints: true, id: 'task0000000000000000000002' })
    expect(world.all()).toHaveLength(1)
  })

  it('waits as long as Retry-After says, where that is longer', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) => response.writeHead(429, { 'retry-after': '3600' }).end())
    await world.notify(ownWebhook())
    await world.work()
    expect(world.all()[0]?.nextAt).toBe(NOW + HOUR)
    await world.pass(HOUR - 1_000)
    expect(receiver.received).toHaveLength(1)
    await world.pass(120_000)
    expect(receiver.received).toHaveLength(2)
  })

  it('follows no redirect', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) =>
      response.writeHead(307, { location: `${receiver.url}/elsewhere` }).end(),
    )
    await world.notify(ownWebhook())
    await world.work()
    expect(receiver.received).toHaveLength(1)
    expect(world.all()[0]?.log).toMatchObject([{ status: 307, error: 'redirects are not followed' }])
  })

  it('fails in time at a receiver that hangs, before its answer or within its headers', async () => {
    const world = makeWebhookWorld({ timeoutMs: 200 })
    receiver.answerWith(() => undefined)
    await world.notify(ownWebhook())
    await world.work()
    receiver.answerWith((_request, response) => response.socket?.write('HTTP/1.1 200 OK\r\nx-a: 1\r\n'))
    await world.pass(60_000)
    const errors = world.all()[0]?.log.map(({ error }) => error)
    expect(errors?.slice(0, 2)).toEqual(['no answer within 0.2 s', 'no answer within 0.2 s'])
  })

  it('is not affected by a wrong content length, nor by a body without an end', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) => {
      response.writeHead(200, { 'content-length': '1000000' })
      response.write('short')
      response.socket?.destroySoon()
    })
    await world.notify(ownWebhook())
    await world.work()
    receiver.answerWith((_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'.repeat(65_536)), 1)
      response.on('close', () => clearInterval(timer))
    })
    await world.notify({ ...ownWebhook(), id: 'task0000000000000000000002' })
    await world.work()
    expect(world.all().map(({ status }) => status)).toEqual(['DELIVERED', 'DELIVERED'])
  })

  it('counts an answer that is not HTTP, and headers without an end, as a failure', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) => response.socket?.end('SSH-2.0-OpenSSH\r\n'))
    await world.notify(ownWebhook())
    await world.work()
    receiver.answerWith((_request, response) =>
      response.socket?.write(`HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(100_000)}\r\n\r\n`),
    )
    await world.pass(60_000)
    expect(world.all()).toMatchObject([{ status: 'PENDING' }])
    expect(world.all()[0]?.log[1]?.error).toBe('connection failed (HPE_HEADER_OVERFLOW)')
  })

  it('to a busy host waits: at most five run at once, and the sixth uses up no attempt', async () => {
    const world = makeWebhookWorld()
    let open = 0
    let most = 0
    receiver.answerWith((_request, response) => {
      open += 1
      most = Math.max(most, open)
      setTimeout(() => {
        open -= 1
        response.end()
      }, 50)
    })
    for (let index = 0; index < 12; index += 1)
      await world.notify({ ...ownWebhook(), id: `task${String(index).padStart(22, '0')}` })
    await Promise.all(world.webhookQueue.take().map((key) => deliverWebhook(world.dependencies, key)))
    await world.clock.advance(10_000)
    await world.work()
    await world.pass(60_000, 5_000)
    expect(most).toBe(5)
    expect(world.all().every(({ status, attempts }) => status === 'DELIVERED' && attempts === 1)).toBe(true)
  })

  it('whose event cannot be made uses up its attempts; a store that does not answer uses up none', async () => {
    const world = makeWebhookWorld()
    await world.notify(ownWebhook())
    const [key] = world.webhookQueue.take()
    const failing = (error: Error) => ({ ...world.dependencies, bodyOf: () => Promise.reject(error) })
    if (!key) throw new Error('No message.')
    await deliverWebhook(failing(new BugError('Broken.')), key)
    expect(world.all()).toMatchObject([
      { attempts: 1, log: [{ error: 'the event could not be made (internal_error)' }] },
    ])
    await world.clock.advance(60_000)
    await expect(deliverWebhook(failing(new UnavailableError('Away.')), key)).rejects.toThrow('Away.')
    expect(world.all()).toMatchObject([{ attempts: 1 }])
    await world.pass(120_000)
    expect(world.all()).toMatchObject([{ status: 'DELIVERED', attempts: 2 }])
  })

  it('stores and logs nothing of the receiver’s answer', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) => response.writeHead(500, 'secret-reason').end('secret-body'))
    await world.notify(ownWebhook())
    await world.work()
    expect(JSON.stringify([world.all(), world.logged])).not.toContain('secret-')
  })
})

describe('a progress event', () => {
  const progress = { percent: 40, message: 'page 4' }
  const at = (updatedAt: number) => ({
    status: 'PROCESSING' as const,
    updatedAt,
    progress,
    webhook: { url: receiver.url, events: ['progress' as const] },
  })

  it('is one delivery per write, contains the state of that write, and is made once', async () => {
    const world = makeWebhookWorld()
    await world.notify(at(NOW), 'progress')
    await world.notify(at(NOW), 'progress')
    await world.notify(at(NOW + 1_000), 'progress')
    expect(world.all()).toHaveLength(2)
    const [first] = world.all()
    if (!first) throw new Error('none')
    const later = makeTask(NOW, { status: 'COMPLETED', finishedAt: NOW, result: { json: '"secret"' } })
    const body = JSON.parse(await webhookBody(first, later, { base: '/api/v1', read: async () => '' }))
    expect(body).toMatchObject({ type: 'task.progress', data: { status: 'PROCESSING', progress } })
    expect(JSON.stringify(body)).not.toContain('secret')
  })

  it('is sent only to endpoints that subscribe to it', async () => {
    const world = makeWebhookWorld()
    await world.notify({ ...at(NOW), webhook: { url: receiver.url } }, 'progress')
    expect(world.all()).toEqual([])
  })

  it('is tried twice, causes no alarm, and is resent only when it is named', async () => {
    const world = makeWebhookWorld()
    receiver.answerWith((_request, response) => response.writeHead(500).end())
    await world.notify(at(NOW), 'progress')
    await world.work()
    await world.pass(60_000, 5_000)
    expect(world.all()).toMatchObject([{ status: 'FAILED', attempts: 2 }])
    expect(world.logged.map(({ event }) => event)).toEqual(['webhook.retrying', 'webhook.passed_over'])
    expect(await resendFailed(world.dependencies, 'acme', {})).toEqual([])
    expect(await resendFailed(world.dependencies, 'acme', { event: 'progress' })).toHaveLength(1)
  })
})

it('deliveries that were given up are resent by endpoint and time, however many others are between them', async () => {
  const world = makeWebhookWorld()
  await addEndpoint(world.dependencies, 'acme', { url: `${receiver.url}/a` })
  await addEndpoint(world.dependencies, 'acme', { url: `${receiver.url}/b` })
  receiver.answerWith((_request, response) => response.writeHead(410).end())
  for (let index = 0; index < 130; index += 1) {
    await world.notify({ id: `task${String(index).padStart(22, '0')}`, hasEndpoints: true })
    await world.clock.advance(1)
  }
  for (const row of world.all())
    world.webhooks.deliveries.set(JSON.stringify([row.tenant, row.id]), { ...row, status: 'FAILED' })
  const [one] = world.all()
  const of = (filter: object) => resendFailed(world.dependencies, 'acme', filter)
  const resent = await of({ endpoint: one?.endpoint, createdAfter: NOW + 100 })
  expect(resent.length).toBe(30)
  expect(
    resent.every(({ endpoint, createdAt }) => endpoint === one?.endpoint && createdAt >= NOW + 100),
  ).toBe(true)
  expect(await of({ endpoint: one?.endpoint })).toHaveLength(100)
  expect(await of({ endpoint: 'nobody' })).toEqual([])
})

describe('a sender that dies at any call', () => {
  const lines = Array.from({ length: 9 }, (_, index) => index + 1)
  it.each(lines.flatMap((atCall) => [true, false].map((isApplied) => ({ atCall, isApplied }))))(
    'at call $atCall, applied: $isApplied: the receiver still gets the event, under one id',
    async (death) => {
      const world = makeWebhookWorld()
      await world.notify(ownWebhook())
      const { life, dependencies } = world.mortal(death)
      for (const key of world.webhookQueue.take()) {
        const dying = deliverWebhook(dependencies, key)
        const end = new Promise((resolve) => {
          const timer = setInterval(() => life.isOver && resolve(clearInterval(timer)), 2)
          dying.finally(() => resolve(clearInterval(timer)))
        })
        await end
      }
      await world.pass(5 * 60_000, 10_000)
      expect(world.all()).toMatchObject([{ status: 'DELIVERED' }])
      expect(receiver.received.length).toBeGreaterThan(0)
      expect(receiver.received.length).toBeLessThan(3)
      expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    },
  )

  it('while it creates the delivery: the repeated follow-up creates the same one', async () => {
    for (const isApplied of [true, false]) {
      const world = makeWebhookWorld()
      const { notifyWebhooks } = await import('../../functions/core/application/webhook/notify-webhooks.ts')
      const { makeTask } = await import('../fixtures/make-task.ts')
      const task = makeTask(NOW, { status: 'COMPLETED', finishedAt: NOW, ...ownWebhook() })
      for (const atCall of [1, 2]) {
        const { dependencies } = world.mortal({ atCall, isApplied })
        void notifyWebhooks(dependencies, task, 'completed')
        await world.clock.settle()
      }
      await notifyWebhooks(world.dependencies, task, 'completed')
      await world.work()
      expect(world.all()).toMatchObject([{ status: 'DELIVERED' }])
    }
  })
})

describe('the event in a delivery', () => {
  const told = async (
    changes: object,
    read = async (payload: Payload) =>
      'json' in payload ? payload.json : JSON.stringify('x'.repeat(10_000)),
  ) => {
    const world = makeWebhookWorld()
    await world.notify(ownWebhook())
    const [delivery] = world.all()
    if (!delivery) throw new Error('No delivery.')
    const task = makeTask(NOW, { status: 'COMPLETED', finishedAt: NOW, ...changes })
    return JSON.parse(await webhookBody(delivery, task, { base: '/api/v1', read })).data
  }
  const stored = (bytes: number) => ({ result: { key: 'payload/a', bytes, sha256: 'a' } })

  it('contains a result below 20 kB, also from the bucket, and a link instead of a larger one', async () => {
    expect(await told({ result: { json: '3' } })).toMatchObject({ result: 3, is_result_omitted: false })
    expect((await told(stored(10_002))).result).toHaveLength(10_000)
    const refuse = () => Promise.reject(new Error('read'))
    expect(await told(stored(20_000), refuse)).toMatchObject({ result: null, is_result_omitted: true })
    expect(await told(stored(20_000), refuse)).toHaveProperty('links.result')
  })

  it('reports the end of a task whose result is gone', async () => {
    const gone = () => Promise.reject(new MissingError('Gone.'))
    expect(await told(stored(10_002), gone)).toMatchObject({ status: 'COMPLETED', is_result_omitted: true })
  })

  it('contains no input, and for a restarted task only the epoch that ended', async () => {
    expect(JSON.stringify(await told({}))).not.toContain('你好')
    expect(await told({ epoch: 2, status: 'PENDING' })).toMatchObject({ status: 'COMPLETED', epoch: 1 })
    expect(await told({ epoch: 2, status: 'PENDING', result: { json: '"new"' } })).not.toHaveProperty(
      'result',
    )
  })
})
