import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskView } from '../fixtures/client.ts'
import { type HarmedWorld, startHarmedWorld } from './kit/harmed-world.ts'

let world: HarmedWorld

beforeAll(async () => {
  world = await startHarmedWorld()
})
afterAll(() => world.stop())

const finished = async (id: string): Promise<TaskView> => {
  for (const end = Date.now() + 200_000; ; ) {
    const { body } = await world.client.get<TaskView>(`/tasks/${id}`)
    if (body.status === 'COMPLETED') return body
    if (Date.now() > end) throw new Error(`task ${id} is still ${body.status}`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** The calls that refill adds: a worker's own receive, and its own delete of finished messages. */
describe('an environment that dies while it fills its free slots', () => {
  it.each([
    // The event source receives with the queue's visibility time-out.
    {
      name: 'before its receive took effect',
      operation: 'ReceiveMessage',
      about: 'VisibilityTimeout',
      isApplied: false,
    },
    {
      name: 'after its receive, before anything is claimed',
      operation: 'ReceiveMessage',
      about: 'VisibilityTimeout',
      isApplied: true,
    },
    {
      name: 'before the delete of finished messages',
      operation: 'DeleteMessageBatch',
      about: 'Entries',
      isApplied: false,
    },
    {
      name: 'after the delete of finished messages',
      operation: 'DeleteMessageBatch',
      about: 'Entries',
      isApplied: true,
    },
  ])(
    '$name: every task ends once',
    async ({ name, ...point }) => {
      const prompts = [`${name}, the long one`, ...[1, 2, 3, 4].map((n) => `${name}, short ${n}`)]
      world.harmed.sqs.dieAt({ ...point, nth: 1 })
      const first = await world.client.submit({ prompt: prompts[0] ?? '', model: 'stub-4000' })
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      const others = await Promise.all(
        prompts.slice(1).map((prompt) => world.client.submit({ prompt, model: 'stub-300' })),
      )
      const tasks = await Promise.all([first, ...others].map(({ id }) => finished(id)))
      expect(tasks.map(({ result }) => result)).toEqual(prompts.map((prompt) => `echo: ${prompt}`))
      expect(
        world.harmed.sqs.deaths.filter(
          (death) => death.operation === point.operation && death.isApplied === point.isApplied,
        ),
      ).toHaveLength(1)
      // One environment ended: each task lost at most the attempt that ran in it.
      for (const { attempts } of tasks) expect(attempts).toBeLessThanOrEqual(2)
      // Fewer calls than attempts if the environment ended between claim and call.
      for (const [n, prompt] of prompts.entries()) {
        expect(world.server.callsOf(prompt).length).toBeGreaterThanOrEqual(1)
        expect(world.server.callsOf(prompt).length).toBeLessThanOrEqual(tasks[n]?.attempts ?? 0)
      }
    },
    240_000,
  )
})
