import { afterAll, beforeAll } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { openSqs, startTestRuntime } from '../fixtures/running.ts'
import { queueDoor } from './backdoor.ts'
import { KNOWN_GAPS } from './known-gaps.ts'
import { scenarios } from './scenarios.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
beforeAll(async () => {
  running = await startTestRuntime()
})
afterAll(() => running.stop())

const urlOf = (part: string) => running.plan.queues.find(({ name }) => name.includes(part))?.url ?? ''

scenarios('local runtime', () => new Client(running.url), {
  gaps: KNOWN_GAPS.local,
  backdoor: () => ({
    ...queueDoor(openSqs(running.endpoints.sqs, running.credentials), {
      queue: async (lane) => urlOf(`local-${lane}`),
      deadLetters: async (lane) => urlOf(`deadletters${lane}`),
    }),
    sweep: async () => {
      await running.pool('SweeperSweep').invoke({})
    },
  }),
})
