import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { API_BASE } from '../../functions/contract.ts'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

/** API Gateway's keys, for a stage that checks only these. */
const OLD_KEY = 'a1b2c3d4e5'

it('when a stage changes to our API keys, each old key’s tasks stay readable with a new key of its tenant', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'upgrade-'))
  const body = { type: 'example.add', input: { x: 20, y: 22 } }
  const before = await startTestRuntime({}, { stateDir })
  /** What API Gateway passes to the function for a caller with one of its keys. */
  const asOldKey = async (submitted: object, headers: object = {}) => {
    const path = `${API_BASE}/tasks`
    const answer = (await before.pool('Writes').invoke({
      httpMethod: 'POST',
      path,
      resource: path,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(submitted),
      isBase64Encoded: false,
      requestContext: {
        requestId: 'r',
        requestTimeEpoch: Date.now(),
        path,
        identity: { apiKeyId: OLD_KEY, apiKey: 'value-of-the-old-key' },
      },
    })) as { readonly statusCode: number; readonly body: string }
    expect(answer.statusCode).toBe(202)
    return (JSON.parse(answer.body) as { readonly id: string }).id
  }
  const done = await asOldKey(body, { 'idempotency-key': 'order-7' })
  const waiting = await asOldKey({ ...body, delay_seconds: 3_600 })
  await before.stop()

  const after = await startTestRuntime({ AUTH: 'keys' }, { stateDir })
  const first = await makeAdminKey((event) => after.pool('Keys').invoke(event), Date.now())
  const admin = new Client(after.url, first?.key)
  const clientOf = async (tenant: string) => {
    const scopes = ['tasks:read', 'tasks:write']
    const made = await admin.post<{ key: string }>('/keys', { name: 'website', tenant, scopes })
    expect(made.status).toBe(201)
    return new Client(after.url, made.body.key)
  }
  // The old keys are refused, by id and by value.
  for (const old of [OLD_KEY, 'value-of-the-old-key'])
    expect((await new Client(after.url, old).get(`/tasks/${done}`)).status).toBe(401)
  const moved = await clientOf(OLD_KEY)
  expect(await moved.done(done)).toMatchObject({ status: 'COMPLETED', result: 42 })
  const listed = await moved.get<{ tasks: readonly { readonly id: string }[] }>('/tasks')
  expect(listed.body.tasks.map(({ id }) => id).sort()).toEqual([done, waiting].sort())
  // A request that is repeated after the change makes one task.
  const again = await moved.post('/tasks', body, { 'idempotency-key': 'order-7' })
  expect([again.body.id, again.headers.get('idempotent-replayed')]).toEqual([done, 'true'])
  expect((await moved.post(`/tasks/${waiting}/cancel`)).body.status).toBe('CANCELLED')
  const stranger = await clientOf('somebody')
  expect((await stranger.get(`/tasks/${done}`)).status).toBe(404)
  await after.stop()
  await rm(stateDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
})
