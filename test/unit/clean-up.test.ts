import { describe, expect, it } from 'vitest'
import { cleanUp } from '../../functions/core/application/repair/clean-up.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { makeWorld, type World } from '../fixtures/world.ts'

async function fill(world: World, count: number, prefix: string) {
  const ttl = Math.floor(world.clock.now() / 1_000) - 1
  for (let n = 0; n < count; n += 1) {
    const id = `${prefix}-${String(n).padStart(3, '0')}`
    world.store.rows.set(
      JSON.stringify(['acme', id]),
      makeTask(world.clock.now(), { id, status: 'COMPLETED', ttl, reapAt: ttl }),
    )
  }
}

describe('the cleanup', () => {
  it('continues where it stopped, and ends in as many calls as it needs', async () => {
    const world = makeWorld()
    world.store.expiredPage = 10
    await fill(world, 95, 'old')
    const pages: string[] = []
    const expired = world.store.expired.bind(world.store)
    world.store.expired = async function* (from) {
      for await (const page of expired(from)) {
        pages.push(page.rows[0]?.id ?? '')
        yield page
      }
    }
    const runs: boolean[] = []
    const counts: number[] = []
    do {
      let calls = 0
      // The time limit is reached after the second page.
      const clock = { ...world.clock, now: () => world.clock.now() + (calls++ < 2 ? 0 : 10_000) }
      const done = await cleanUp({ ...world, clock }, world.clock.now() + 5_000)
      runs.push(done.isComplete)
      counts.push(done.tasks)
    } while (!runs.at(-1) && runs.length < 20)
    expect(counts.reduce((sum, one) => sum + one)).toBe(95)
    expect(runs.length).toBeGreaterThan(3)
    expect(runs.length).toBeLessThan(10)
    expect(new Set(pages).size).toBe(pages.length)
    expect(world.store.rows.size).toBe(0)
  })

  it('a page whose end was not recorded is scanned again', async () => {
    const world = makeWorld()
    world.store.expiredPage = 10
    await fill(world, 30, 'old')
    const writeWalk = world.store.writeWalk.bind(world.store)
    world.store.writeWalk = async () => {
      throw new Error('the process ends here')
    }
    await expect(cleanUp(world, world.clock.now() - 1)).rejects.toThrow('ends here')
    expect(world.store.rows.size).toBe(20)
    world.store.writeWalk = writeWalk
    expect(await cleanUp(world, world.clock.now() + 60_000)).toMatchObject({ tasks: 20, isComplete: true })
  })
})
