import { describe, expect, it } from 'vitest'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { runBatch } from '../../functions/core/application/run/run-batch.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { MisconfiguredError } from '../../functions/core/domain/errors.ts'
import { makeWorld, pollLane, SUBMISSION, type World } from '../fixtures/world.ts'

interface RunContext {
  readonly input: number
  readonly taskId: string
  readonly sleep: (ms: number) => Promise<void>
}
/** Tasks that sleep for as long as their input says, in an invocation of four slots. */
const open = (slots = 4, run?: (context: RunContext) => Promise<unknown>) => {
  const began: string[] = []
  const world = makeWorld(async (context) => {
    const { input, taskId, sleep } = context as unknown as RunContext
    began.push(taskId)
    await (run ? run(context) : sleep(input))
    return taskId
  })
  Object.assign(world.worker, { slots, maxAttemptMs: 60_000 })
  return { ...world, began }
}
const submit = async (world: World, ms: number, changes = {}) =>
  (await submitTask(world, { ...SUBMISSION, timeoutMs: 60_000, input: ms, ...changes })).task.id
const statusOf = async (world: World, id: string) => (await world.store.get({ tenant: 'acme', id }))?.status
/** One invocation as the event source makes it. */
const invoke = (world: World, timeoutMs = 300_000, most = 1) => {
  const state = { isOver: false }
  const batch = pollLane(world, { timeoutMs, most }).batch.then((again) => {
    state.isOver = true
    return again
  })
  return { batch, state }
}

describe('refilling free slots', () => {
  it('receives messages that arrive while a task runs, and deletes them', async () => {
    const world = open()
    const first = await submit(world, 10_000)
    const { state } = invoke(world)
    await world.clock.advance(1_000)
    const later = await Promise.all([1_000, 1_000, 1_000].map((ms) => submit(world, ms)))
    await world.clock.advance(4_000)
    for (const id of later) expect(await statusOf(world, id)).toBe('COMPLETED')
    expect(await statusOf(world, first)).toBe('PROCESSING')
    expect(world.queue.messages.ai).toHaveLength(1)
    await world.clock.advance(10_000)
    expect(state.isOver).toBe(true)
    expect(world.queue.messages.ai).toEqual([])
    const finished = world.events.find(({ event }) => event === 'batch.finished')
    expect(finished?.fields).toMatchObject({ messages: 4, refilled: 3 })
  })

  it('never receives more messages than there are free slots', async () => {
    const world = open(3)
    for (let n = 0; n < 12; n += 1) await submit(world, 5_000)
    invoke(world)
    for (let second = 0; second < 40; second += 1) {
      await world.clock.advance(1_000)
      const running = [...(world.store as never as { rows: Map<string, { status: string }> }).rows.values()]
      expect(running.filter(({ status }) => status === 'PROCESSING').length).toBeLessThanOrEqual(3)
    }
    expect(world.queue.messages.ai).toEqual([])
  })

  it('ends soon after the last task, although the empty lane is still polled', async () => {
    const world = open()
    await submit(world, 1_000)
    const { state } = invoke(world)
    await world.clock.advance(4_000)
    expect(state.isOver).toBe(true)
  })

  it('receives nothing that it has no time to finish', async () => {
    const world = open()
    await submit(world, 60_000)
    const { state } = invoke(world, 100_000)
    // 100 s minus the 60 s of an attempt, 10 s of reserve and a poll: until second 28.
    await world.clock.advance(30_000)
    const late = await submit(world, 1_000)
    await world.clock.advance(40_000)
    expect(state.isOver).toBe(true)
    expect(await statusOf(world, late)).toBe('PENDING')
  })

  it('receives nothing while the lane is paused', async () => {
    const world = open()
    await submit(world, 30_000)
    invoke(world)
    await world.lanes.beginPause('ai', world.clock.now())
    await world.clock.advance(6_000)
    const waiting = await submit(world, 1_000)
    await world.clock.advance(30_000)
    expect(await statusOf(world, waiting)).toBe('PENDING')
  })

  it('a failed delete writes a log line, and the redelivered message finds a final row', async () => {
    const world = open()
    await submit(world, 10_000)
    invoke(world)
    const second = await submit(world, 1_000)
    const deleteAll = world.queue.deleteAll.bind(world.queue)
    world.queue.deleteAll = async () => {
      throw new MisconfiguredError('The queue refuses this function (delete).')
    }
    await world.clock.advance(20_000)
    expect(world.events.some(({ event }) => event === 'delete.failed')).toBe(true)
    expect(await statusOf(world, second)).toBe('COMPLETED')
    world.queue.deleteAll = deleteAll
    await world.clock.advance(100_000)
    await Promise.all([invoke(world, 300_000, 10).batch, world.clock.advance(5_000)])
    expect(world.queue.messages.ai).toEqual([])
    expect(world.began.filter((id) => id === second)).toHaveLength(1)
  })

  it('reports the used slots while it runs, and removes the report at its end', async () => {
    const world = open(4)
    const slots = async () => (await world.workerSlots.read(world.clock.now())).get('ai')
    await submit(world, 30_000)
    const { state } = invoke(world)
    await world.clock.advance(2_500)
    expect(await slots()).toBeUndefined()
    await submit(world, 15_000)
    await world.clock.advance(3_500)
    expect(await slots()).toEqual({ used: 2, paid: 4 })
    await world.clock.advance(30_000)
    expect(state.isOver).toBe(true)
    expect(await slots()).toBeUndefined()
    const percents = world.events.flatMap(({ event, fields }) =>
      event === 'slots.used' ? [fields.percent] : [],
    )
    // 25 s: one of four all the time, another for 15 s. Then one for the 5 s that it still runs, and the last poll.
    expect(percents).toHaveLength(2)
    expect(percents[0]).toBeCloseTo(40, 0)
    const ended = world.events.find(({ event }) => event === 'batch.finished')?.fields
    expect(ended?.slot_ms).toBeGreaterThanOrEqual(45_000)
    expect(ended?.slot_ms).toBeLessThanOrEqual(45_500)
  })

  it('the report of a dead worker expires, and a worker that cannot report continues', async () => {
    const world = open(4)
    const { report } = world.workerSlots
    await world.workerSlots.report('ai', 'dead', { used: 4, paid: 4 }, world.clock.now() + 25_000)
    world.workerSlots.report = async () => {
      throw new MisconfiguredError('The table refuses this function (worker slots).')
    }
    const id = await submit(world, 30_000)
    invoke(world)
    await world.clock.advance(40_000)
    world.workerSlots.report = report
    expect(await statusOf(world, id)).toBe('COMPLETED')
    expect(world.events.some(({ event }) => event === 'slots.failed')).toBe(true)
    expect([...(await world.workerSlots.read(world.clock.now()))]).toEqual([])
  })

  it('a failed receive writes a log line and is repeated', async () => {
    const world = open()
    await submit(world, 20_000)
    let failures = 1
    const receiveMore = world.queue.receiveMore.bind(world.queue)
    world.queue.receiveMore = async (...args) => {
      if (failures-- > 0) throw new MisconfiguredError('The queue refuses this function (receive).')
      return receiveMore(...args)
    }
    invoke(world)
    const second = await submit(world, 1_000)
    await world.clock.advance(10_000)
    expect(await statusOf(world, second)).toBe('COMPLETED')
    expect(world.events.find(({ event }) => event === 'refill.failed')?.fields).toMatchObject({
      code: 'misconfigured',
    })
  })

  it('messages of the event source are not received again during a long invocation', async () => {
    const world = open()
    await submit(world, 1_000)
    await submit(world, 200_000, { timeoutMs: 240_000 })
    invoke(world, 900_000, 2)
    await world.clock.advance(150_000)
    // The message of the running task: invisible because of its heartbeat.
    expect(world.queue.messages.ai).toHaveLength(1)
    expect(world.queue.receive('ai')).toEqual([])
  })

  it('a refilled message that is a duplicate or cancelled ends like any other', async () => {
    const world = open()
    await submit(world, 30_000)
    invoke(world)
    const id = await submit(world, 20_000)
    const [copy] = world.queue.messages.ai.slice(-1)
    if (copy) world.queue.messages.ai.push({ ...copy })
    await world.clock.advance(5_000)
    expect(world.began.filter((one) => one === id)).toHaveLength(1)
    await cancelTask(world, { tenant: 'acme', id })
    await world.clock.advance(130_000)
    expect(await statusOf(world, id)).toBe('CANCELLED')
    await Promise.all([invoke(world, 300_000, 10).batch, world.clock.advance(5_000)])
    expect(world.queue.messages.ai).toEqual([])
  })
})

describe('a task whose environment died twice', () => {
  /** Claims it as a worker that dies without a result. */
  const die = async (world: World) => {
    const [delivery] = world.queue.receive('ai', 1, 90)
    if (!delivery) throw new Error('no message')
    const dead = makeDead(world)
    void runBatch(dead, [delivery], world.clock.now() + 300_000)
    await world.clock.advance(200_000)
    await sweep({ ...world, ...world.worker }, world.clock.now() + 50_000)
    await world.clock.settle()
  }
  const makeDead = (world: World): World['worker'] => {
    const never = new Promise<never>(() => undefined)
    const store = new Proxy(world.store, {
      get: (target, name) =>
        name === 'change'
          ? async (...args: Parameters<typeof target.change>) =>
              args[1].name === 'claim' ? target.change(...args) : never
          : Reflect.get(target, name, target),
    })
    return { ...world.worker, slots: 1, store, payloads: { ...world.payloads, read: () => never } }
  }

  it('runs alone: it waits for the others, and nothing starts beside it', async () => {
    const world = open(4)
    const suspect = await submit(world, 20_000)
    await die(world)
    await die(world)
    world.queue.messages.ai.splice(1)
    const other = await submit(world, 5_000)
    invoke(world, 900_000, 2)
    await world.clock.advance(3_000)
    expect(world.began).toEqual([other])
    await world.clock.advance(4_000)
    expect(world.began).toEqual([other, suspect])
    const late = await submit(world, 1_000)
    await world.clock.advance(10_000)
    expect(await statusOf(world, late)).toBe('PENDING')
    await world.clock.advance(15_000)
    expect(await statusOf(world, suspect)).toBe('COMPLETED')
  })

  it('ends when it dies a third time, although it has an attempt left', async () => {
    const world = open(4)
    const suspect = await submit(world, 20_000)
    for (let n = 0; n < 3; n += 1) await die(world)
    expect(await world.store.get({ tenant: 'acme', id: suspect })).toMatchObject({
      status: 'FAILED',
      attempt: 3,
      error: { code: 'worker_crashed' },
      history: [{ attempt: 1 }, { attempt: 2 }, { attempt: 3 }],
    })
  })
})
