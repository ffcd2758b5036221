import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { startReceiver } from '../fixtures/webhook-world.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let made: Awaited<ReturnType<Client['post']>>
let receiver: Awaited<ReturnType<typeof startReceiver>>
beforeAll(async () => {
  receiver = await startReceiver()
  running = await startTestRuntime()
  client = new Client(running.url)
  // Before any submit, because an environment that has looked up the tenant assumes for ten seconds that it has no endpoint.
  made = await client.post('/webhooks', { url: receiver.url, events: ['cancelled', 'failed'] })
})
afterAll(async () => {
  await running.stop()
  await receiver.stop()
})

interface Told {
  readonly type: string
  readonly data: { readonly id: string; readonly status: string; readonly result: unknown }
}
const of = (id: string) => receiver.received.filter(({ body }) => (JSON.parse(body) as Told).data.id === id)
const body = async <Shape>(answer: Promise<{ readonly body: unknown }>) => (await answer).body as Shape

describe('webhooks on the running product', () => {
  it('report a task’s end with a signature that the official library accepts', async () => {
    const { secret } = await body<{ secret: string }>(client.get('/webhooks/secret'))
    const submitted = await client.post('/tasks', {
      type: 'example.add',
      input: { x: 1, y: 2 },
      webhook: { url: receiver.url, events: ['started', 'completed'] },
    })
    expect(submitted.status).toBe(202)
    const { id } = submitted.body
    await expect.poll(() => of(id).length, { timeout: 30_000 }).toBe(2)
    const types = of(id).map(({ body }) => (JSON.parse(body) as Told).type)
    expect(types.toSorted()).toEqual(['task.completed', 'task.started'])
    const received = of(id)[types.indexOf('task.completed')]
    const told = new Webhook(secret).verify(received?.body ?? '', received?.headers ?? {}) as Told
    expect(told).toMatchObject({ type: 'task.completed', data: { id, status: 'COMPLETED', result: 3 } })
    expect(told.data).not.toHaveProperty('input')
    expect(() => new Webhook(secret).verify(`${received?.body} `, received?.headers ?? {})).toThrow()
  })

  it('go to a tenant’s endpoint, which lists, resends and deletes', async () => {
    expect(made.status).toBe(201)
    const endpoint = (made.body as unknown as { id: string }).id
    const { id } = (
      await client.post('/tasks', { type: 'example.add', input: { x: 1, y: 1 }, delay_seconds: 60 })
    ).body
    await client.post(`/tasks/${id}/cancel`)
    await expect.poll(() => of(id).length, { timeout: 30_000 }).toBe(1)
    const page = await body<{ deliveries: { id: string; status: string }[] }>(
      client.get(`/webhooks/deliveries?task_id=${id}`),
    )
    expect(page.deliveries).toMatchObject([{ task_id: id, event: 'cancelled', endpoint }])
    const delivery = page.deliveries[0]?.id ?? ''
    await expect
      .poll(async () => (await client.post(`/webhooks/deliveries/${delivery}/resend`)).status, {
        timeout: 10_000,
      })
      .toBe(202)
    await expect.poll(() => of(id).length, { timeout: 30_000 }).toBe(2)
    expect((await client.post('/webhooks/deliveries/nothing/resend')).status).toBe(404)
    expect((await client.call('DELETE', `/webhooks/${endpoint}`)).status).toBe(204)
    expect((await client.call('DELETE', `/webhooks/${endpoint}`)).status).toBe(404)
  })

  it('report the progress of a running task to endpoints that ask for it', async () => {
    const { secret } = await body<{ secret: string }>(client.get('/webhooks/secret'))
    const { id } = (
      await client.post('/tasks', {
        type: 'example.run',
        input: { name: 'x', seconds: 4 },
        webhook: { url: receiver.url, events: ['progress', 'completed'] },
      })
    ).body
    const types = () => of(id).map(({ body }) => (JSON.parse(body) as Told).type)
    await expect.poll(types, { timeout: 30_000 }).toContain('task.completed')
    await expect.poll(types, { timeout: 30_000 }).toContain('task.progress')
    const received = of(id).find(({ body }) => body.includes('task.progress'))
    expect(new Webhook(secret).verify(received?.body ?? '', received?.headers ?? {})).toMatchObject({
      type: 'task.progress',
      data: { id, status: 'PROCESSING', progress: { percent: expect.any(Number) } },
    })
    const ids = of(id).map(({ headers }) => headers['webhook-id'])
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('refuse a URL of an internal address, with the field’s name', async () => {
    for (const url of ['https://169.254.169.254/', 'http://example.com/', 'nonsense']) {
      const refused = await client.post('/tasks', { prompt: 'Hello', webhook: { url } })
      expect([refused.status, refused.body]).toMatchObject([422, { errors: [{ path: 'webhook.url' }] }])
      expect((await client.post('/webhooks', { url })).status).toBe(422)
    }
  })

  it('rotate their secret with a day of overlap', async () => {
    const before = await body<{ secret: string }>(client.get('/webhooks/secret'))
    const after = await body<{ secret: string }>(client.post('/webhooks/secret/rotate'))
    expect(after).toMatchObject({ previous_valid_until: expect.any(String) })
    const { id } = (
      await client.post('/tasks', {
        type: 'example.add',
        input: { x: 2, y: 2 },
        webhook: { url: receiver.url },
      })
    ).body
    await expect.poll(() => of(id).length, { timeout: 30_000 }).toBe(1)
    const [received] = of(id)
    for (const { secret } of [before, after])
      expect(new Webhook(secret).verify(received?.body ?? '', received?.headers ?? {})).toMatchObject({
        data: { id },
      })
  })
})
