import { describe, expect, it } from 'vitest'
import { progressText, redriveAll } from '../../bin/commands/redrive.ts'
import { type RedriveRequest, redriveLane } from '../../functions/core/application/operate/redrive-lane.ts'
import { unreadableMessages } from '../../functions/core/application/operate/unreadable-messages.ts'
import { pruneDeadLetters } from '../../functions/core/application/repair/prune-dead-letters.ts'
import type { DeadLetters } from '../../functions/core/ports/dead-letters.ts'
import type { Redrive } from '../../lib/client/types.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { makeWorld, type World } from '../fixtures/world.ts'

const error = { code: 'provider_unavailable', message: 'No answer.', retryable: true }

/** Failed tasks, one second apart, with their dead letters. */
function fill(world: World, count: number): void {
  const ttl = 9e9
  for (let n = 0; n < count; n += 1) {
    const id = `failed-${String(n).padStart(5, '0')}`
    const createdAt = world.clock.now() - (count - n) * 1_000
    const task = makeTask(createdAt, { id, status: 'FAILED', error, finishedAt: createdAt, ttl, reapAt: ttl })
    const { dueAt: _dueAt, dueKind: _dueKind, ...row } = task
    world.store.rows.set(JSON.stringify(['acme', id]), row)
    world.queue.dead.ai.push({ v: 1, tenant: 'acme', id, epoch: 1, dead: { code: error.code, attempts: 1 } })
  }
}

const redrive = (world: World, changes: Partial<RedriveRequest> = {}) =>
  redriveLane(
    world,
    {
      tenant: 'acme',
      lane: 'ai',
      failedBefore: world.clock.now(),
      isDryRun: false,
      limit: 5_000,
      ...changes,
    },
    world.clock.now() + 20_000,
  )

describe('messages that no worker can read', () => {
  it('are found among the dead letters of tasks, and only they are deleted; the others stay in the queue', async () => {
    const world = makeWorld()
    fill(world, 25)
    // Every fifth message has no readable body.
    const { queue } = world
    const deadLetters: DeadLetters = {
      sendDead: queue.sendDead.bind(queue),
      deadDepth: queue.deadDepth.bind(queue),
      deleteDead: queue.deleteDead.bind(queue),
      showDead: queue.showDead.bind(queue),
      receiveDead: async (lane) =>
        (await queue.receiveDead(lane)).map((one) =>
          Number(one.message?.id.slice(-2)) % 5 === 0 ? { ...one, message: undefined } : one,
        ),
    }
    const look = async (isDeleted: boolean) => {
      // A released dead letter can be received a second later.
      await world.clock.advance(2_000)
      const stopAt = world.clock.now() + 20_000
      return unreadableMessages({ deadLetters, clock: world.clock }, 'ai', isDeleted, stopAt)
    }
    expect(await look(false)).toHaveLength(5)
    expect(world.queue.dead.ai).toHaveLength(25)
    expect(await look(true)).toHaveLength(5)
    expect(world.queue.dead.ai).toHaveLength(20)
    expect(await look(true)).toEqual([])
    expect(world.queue.dead.ai).toHaveLength(20)
  })
})

describe('a redrive', () => {
  it('of more tasks than one call starts continues with a cursor, each task once, and reads none twice', async () => {
    const world = makeWorld()
    fill(world, 730)
    const read: string[] = []
    const list = world.store.list.bind(world.store)
    world.store.list = async (...args) => {
      const page = await list(...args)
      read.push(...page.tasks.map(({ id }) => id))
      return page
    }
    const ids: string[] = []
    let cursor: string | undefined
    let calls = 0
    do {
      const answer = await redrive(world, { limit: 150, ...(cursor ? { cursor } : {}) })
      ids.push(...answer.ids)
      cursor = answer.cursor
      calls += 1
    } while (cursor !== undefined)
    expect(calls).toBe(5)
    expect(ids).toHaveLength(730)
    expect(new Set(ids).size).toBe(730)
    expect(world.queue.messages.ai).toHaveLength(730)
    // The remaining tasks are counted ahead up to a limit; every other row is read once.
    expect(read.length).toBeLessThan(730 + 5 * 1_000)
  })

  it('reads only tasks within its creation times', async () => {
    const world = makeWorld()
    fill(world, 100)
    const filters: unknown[] = []
    const list = world.store.list.bind(world.store)
    world.store.list = async (...args) => {
      filters.push(args[1])
      return list(...args)
    }
    const createdBefore = world.clock.now() - 50_500
    const answer = await redrive(world, { createdBefore, createdAfter: createdBefore - 10_000 })
    expect(answer).toMatchObject({ redriven: 10, isComplete: true })
    for (const filter of filters)
      expect(filter).toMatchObject({ status: 'FAILED', lane: 'ai', createdBefore })
  })

  it('skips tasks that failed again since its first call', async () => {
    const world = makeWorld()
    fill(world, 20)
    const failedBefore = world.clock.now()
    const first = await redrive(world, { limit: 10, failedBefore })
    await world.clock.advance(1_000)
    const [again = ''] = first.ids
    const row = await world.store.get({ tenant: 'acme', id: again })
    if (!row) throw new Error('gone')
    world.store.rows.set(JSON.stringify(['acme', again]), {
      ...row,
      status: 'FAILED',
      error,
      finishedAt: world.clock.now(),
    })
    // Even without a cursor.
    expect((await redrive(world, { failedBefore })).ids).not.toContain(again)
  })

  it('is followed by a cleanup of dead letters: those of all restarted tasks are deleted, however many', async () => {
    const world = makeWorld()
    fill(world, 900)
    await redrive(world)
    expect(world.queue.dead.ai.length).toBeLessThan(900 - 200)
    const until = world.clock.now() + 50_000
    await pruneDeadLetters(
      { store: world.store, deadLetters: world.queue, clock: world.clock },
      'ai',
      3,
      until,
    )
    expect(world.queue.dead.ai).toEqual([])
    // Dead letters of tasks that are still failed are read and kept.
    const other = makeWorld()
    fill(other, 900)
    let receives = 0
    const receiveDead = other.queue.receiveDead.bind(other.queue)
    other.queue.receiveDead = async (lane) => {
      receives += 1
      return receiveDead(lane)
    }
    const deps = { store: other.store, deadLetters: other.queue, clock: other.clock }
    expect(await pruneDeadLetters(deps, 'ai', 3, other.clock.now() + 50_000)).toBe(0)
    expect(receives).toBe(3)
  })
})

describe('taskrunner redrive', () => {
  const answers = (count: number, perCall: number) => {
    const bodies: Record<string, unknown>[] = []
    const json = async (name: string, { body }: { body?: Record<string, unknown> }) => {
      if (name === 'listQueues') return { queues: [{ lane: 'ai', dead_letters: count }] }
      bodies.push(body ?? {})
      const done = bodies.length * perCall
      const redriven = Math.min(perCall, Number(body?.limit), count - (done - perCall))
      return {
        lane: 'ai',
        dry_run: false,
        matched: redriven,
        redriven,
        remaining: Math.max(0, Math.min(1_000, count - done)),
        by_error: { [error.code]: redriven },
        tasks: Array.from({ length: redriven }, (_, n) => `task-${done + n}`),
        is_complete: done >= count,
        unreadable: [],
        next_cursor: done >= count ? null : `after-${done}`,
        failed_before: '2026-11-25T20:00:00.000Z',
      } satisfies Redrive
    }
    return { bodies, api: { json } as never }
  }

  it('repeats the call until nothing is left, and prints its progress', async () => {
    const { bodies, api } = answers(12_000, 5_000)
    const notes: string[] = []
    const all = await redriveAll({ api, isLive: true, note: (text) => notes.push(text) }, 'ai', {})
    expect(all).toMatchObject({ redriven: 12_000, matched: 12_000, remaining: 0, next_cursor: null })
    expect(all.by_error).toEqual({ [error.code]: 12_000 })
    expect(bodies.map(({ cursor }) => cursor)).toEqual([undefined, 'after-5000', 'after-10000'])
    expect(bodies.map((body) => body.failed_before)).toEqual([
      undefined,
      '2026-11-25T20:00:00.000Z',
      '2026-11-25T20:00:00.000Z',
    ])
    expect(notes).toEqual([
      '████████░░░░░░░░░░░░ 5000 of about 12000 run again',
      '█████████████████░░░ 10000 of about 12000 run again',
    ])
  })

  it('stops at its limit, and keeps its rate over several calls', async () => {
    const { bodies, api } = answers(12_000, 600)
    const slept: number[] = []
    const all = await redriveAll(
      { api, isLive: false, note: () => undefined },
      'ai',
      { limit: 1_500, pace: 10 },
      async (ms) => void slept.push(ms),
    )
    expect(all.redriven).toBe(1_500)
    expect(bodies.map(({ limit }) => limit)).toEqual([600, 600, 300])
    expect(slept).toHaveLength(2)
    for (const ms of slept) expect(ms).toBeGreaterThan(50_000)
  })

  it('prints how many tasks a dry run has checked so far', () => {
    const looked = { dry_run: true, matched: 4_000 } as Redrive
    expect(progressText(looked, undefined)).toBe('4000 looked at so far')
  })
})
