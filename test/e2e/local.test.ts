import { afterAll, beforeAll } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { scenarios } from './scenarios.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
beforeAll(async () => {
  running = await startTestRuntime()
})
afterAll(() => running.stop())

scenarios('local runtime', () => new Client(running.url))
