import { afterAll, beforeAll, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { assemblyOf, startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
beforeAll(async () => {
  running = await startTestRuntime()
})
afterAll(() => running.stop())

it('a reload while tasks run: they finish with the old code, new tasks run with the new code, none runs twice', async () => {
  const client = new Client(running.url)
  const before = await client.submit({ type: 'example.run', input: { name: 'before', seconds: 2 } })
  await client.until(before.id, ({ status }) => status === 'PROCESSING')
  await running.deploy(
    await assemblyOf({ OPENAI_API_KEY: 'now-there-is-one', DEFAULT_MODEL: 'simulated-fast' }),
  )
  expect(await client.done(before.id)).toMatchObject({ status: 'COMPLETED', attempts: 1 })
  const after = await client.submit({ prompt: 'after' })
  expect(await client.done(after.id)).toMatchObject({
    status: 'COMPLETED',
    model: 'simulated-fast',
    attempts: 1,
  })
})
