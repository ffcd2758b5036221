import { describe, expect, it } from 'vitest'
import { advanceWorkflow } from '../../functions/core/application/workflow/advance-workflow.ts'
import {
  cancelWorkflow,
  retryWorkflow,
  signalWorkflow,
} from '../../functions/core/application/workflow/change-workflow.ts'
import { showWorkflow } from '../../functions/core/application/workflow/show-workflow.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import { makeWorkflowWorld, TENANT } from '../fixtures/workflow-world.ts'

const step = (input: unknown = {}, more: object = {}) => ({ type: 'test.run', input, ...more })
const inputOf = (task: Task) => JSON.parse('json' in task.input ? task.input.json : 'null')
const states = (world: ReturnType<typeof makeWorkflowWorld>) =>
  Object.fromEntries(Object.entries(world.read().nodes).map(([name, { status }]) => [name, status]))

describe('a workflow', () => {
  it('runs a chain in order, each step with the result of the previous one', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      chain: [step(), step({ $from: 'previous.result' }), step({ last: { $from: '1.result.n' } })],
    })
    await world.advance(id)
    for (const expected of [{}, { n: 1 }, { last: 1 }]) {
      const [task, ...more] = world.open()
      expect(more).toEqual([])
      expect(inputOf(task as Task)).toEqual(expected)
      await world.finish(task as Task, { result: { n: 1 } })
      await world.report()
    }
    expect(world.read().status).toBe('COMPLETED')
    expect(world.read().dueAt).toBeUndefined()
  })

  it('a chord of 1,200 tasks joins once, with all results in order', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      chord: {
        group: Array.from({ length: 1_200 }, (_, index) => step({ index })),
        then: step({ all: { $from: 'previous.results' } }),
      },
    })
    await world.advance(id)
    const leaves = world.open()
    expect(leaves).toHaveLength(1_200)
    for (const leaf of [...leaves].reverse()) await world.finish(leaf, { result: inputOf(leaf).index })
    await world.report()
    const [body, ...more] = world.open()
    expect(more).toEqual([])
    expect(inputOf(body as Task).all).toEqual(Array.from({ length: 1_200 }, (_, index) => index))
  })

  it('fans out over a list: one task per item, none for an empty list', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      steps: {
        list: step(),
        each: step({ item: { $each: 'list.result.items' } }),
        none: step({ item: { $each: 'list.result.empty' } }),
        sum: step({ all: { $from: 'each.results' }, none: { $from: 'none.results' } }),
      },
    })
    await world.advance(id)
    await world.finish(world.open()[0] as Task, { result: { items: ['a', 'b', 'c'], empty: [] } })
    await world.report()
    const leaves = world.open()
    expect(leaves.map((leaf) => inputOf(leaf).item)).toEqual(['a', 'b', 'c'])
    for (const leaf of leaves) await world.finish(leaf, { result: `${inputOf(leaf).item}!` })
    await world.report()
    expect(inputOf(world.open()[0] as Task)).toEqual({ all: ['a!', 'b!', 'c!'], none: [] })
  })

  it('a value that is not a list, does not exist or is refused fails its step with its own code', async () => {
    const codes: (string | undefined)[] = []
    for (const second of [
      step({ $each: 'a.result' }),
      step({ $from: 'a.result.nothing' }),
      { ...step({ $from: 'a.result' }), type: 'test.refused' },
    ]) {
      const world = makeWorkflowWorld()
      const id = await world.create({ steps: { a: step(), b: second } })
      await world.advance(id)
      await world.finish(world.open()[0] as Task, { result: { n: 1 } })
      await world.report()
      codes.push(world.read().error?.code)
      expect(world.read().status).toBe('FAILED')
    }
    expect(codes).toEqual(['not_a_list', 'reference_missing', 'invalid_step'])
  })

  it('fail_fast ends at the first failure and cancels the running tasks', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ steps: { a: step(), b: step(), c: step({ $from: 'b.result' }) } })
    await world.advance(id)
    const a = world.open().find(({ parent }) => parent?.node === 'a') as Task
    await world.finish(a, 'fails')
    await world.report()
    expect(world.read()).toMatchObject({ status: 'FAILED', error: { code: 'step_failed' } })
    expect(states(world)).toEqual({ a: 'FAILED', b: 'CANCELLED', c: 'CANCELLED' })
    expect(world.open()).toEqual([])
    expect(
      world
        .tasks()
        .map(({ status }) => status)
        .sort(),
    ).toEqual(['CANCELLED', 'FAILED'])
  })

  it('continue runs the other branches and skips the steps after the failure', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      on_failure: 'continue',
      steps: {
        a: step(),
        b: step(),
        c: step({ $from: 'a.result' }),
        d: step({ $from: 'c.result' }),
        e: step({ $from: 'b.result' }),
      },
    })
    await world.advance(id)
    for (const task of world.open())
      await world.finish(task, task.parent?.node === 'a' ? 'fails' : { result: 1 })
    await world.report()
    for (const task of world.open()) await world.finish(task, { result: 1 })
    await world.report()
    expect(states(world)).toEqual({ a: 'FAILED', b: 'COMPLETED', c: 'SKIPPED', d: 'SKIPPED', e: 'COMPLETED' })
    expect(world.read().status).toBe('FAILED')
  })

  it('continue runs a step that does not need the failed result: it has a default, or its condition reads the failure', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      on_failure: 'continue',
      steps: {
        a: step(),
        b: step({}, { after: ['a'] }),
        instead: step({ x: { $from: 'a.result.x', default: 7 } }),
        both: step({ x: { $from: 'a.result.x', default: 7 }, y: { $from: 'a.result.y' } }),
        tell: step({ why: { $from: 'a.error' } }, { if: { $from: 'a.status', equals: 'FAILED' } }),
        after: step({ b: { $from: 'b.status' } }),
      },
    })
    await world.advance(id)
    await world.finish(world.open()[0] as Task, 'fails')
    await world.report()
    const inputs = Object.fromEntries(world.open().map((task) => [task.parent?.node, inputOf(task)]))
    expect(inputs).toEqual({
      instead: { x: 7 },
      tell: { why: { code: 'step_failed', message: expect.stringContaining('It failed.'), retryable: true } },
      after: { b: 'SKIPPED' },
    })
    for (const task of world.open()) await world.finish(task, { result: 1 })
    await world.report()
    expect(world.read().status).toBe('FAILED')
    expect(states(world)).toMatchObject({ b: 'SKIPPED', both: 'SKIPPED', tell: 'COMPLETED' })
  })

  it('a step with a default gets the completed results of a group that failed in part', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      on_failure: 'continue',
      chord: {
        group: [step({ n: 0 }), step({ n: 1 }), step({ n: 2 })],
        then: step({ all: { $from: 'previous.results', default: [] } }),
      },
    })
    await world.advance(id)
    for (const task of world.open())
      await world.finish(task, inputOf(task).n === 1 ? 'fails' : { result: inputOf(task).n })
    await world.report()
    expect(inputOf(world.open()[0] as Task)).toEqual({ all: [0, null, 2] })
  })

  it('a failed step shows its cause: its task’s error, or the first of many with its task id', async () => {
    for (const count of [1, 3]) {
      const world = makeWorkflowWorld()
      const id = await world.create({
        on_failure: 'continue',
        chain: [count === 1 ? step() : { group: Array.from({ length: count }, () => step()) }],
      })
      await world.advance(id)
      const [first, second] = world.open()
      const failing = count === 1 ? first : second
      for (const task of world.open()) await world.finish(task, task === failing ? 'fails' : { result: 1 })
      await world.report()
      expect(world.read().nodes['1']?.error?.message).toBe(
        count === 1
          ? 'Its task did not complete, task_failed: It failed.'
          : `1 of its 3 tasks did not complete; the first is ${failing?.id}, task_failed: It failed.`,
      )
      expect(world.read().error?.message).toContain('task_failed: It failed.')
    }
  })

  it('values that are too large for a function fail their step before they are read, and copies before they are made', async () => {
    for (const [bytes, input, message] of [
      [17_000_000, { all: { $from: 'a.result.text' } }, /more than 16 MB/],
      [
        600_000,
        { all: { $from: 'a.result.text' }, item: { $each: 'a.result.list' } },
        /4000 tasks would get a copy of 600 kB/,
      ],
    ] as const) {
      const world = makeWorkflowWorld()
      const id = await world.create({ steps: { a: step(), b: step(input) } })
      await world.advance(id)
      const list = Array.from({ length: 4_000 }, (_, index) => index)
      await world.finish(world.open()[0] as Task, { result: { text: 'x'.repeat(bytes), list } })
      await world.report()
      expect(world.read().nodes.b?.error).toMatchObject({
        code: 'values_too_large',
        message: expect.stringMatching(message),
      })
      expect(world.tasks()).toHaveLength(1)
    }
  })

  it('a fan-out over 1,200 results reads each of them once for all its tasks', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      chain: [{ group: Array.from({ length: 1_200 }, () => step()) }, step({ $each: 'previous.results' })],
    })
    await world.advance(id)
    for (const leaf of world.open()) await world.finish(leaf, { result: 1 })
    const get = world.store.get.bind(world.store)
    let reads = 0
    world.store.get = async (key) => {
      reads += 1
      return get(key)
    }
    await world.report()
    expect(world.open()).toHaveLength(1_200)
    // Once to count them, once to create their tasks.
    expect(reads).toBeLessThan(2 * 1_200 + 100)
  })

  it('a condition skips a step, and references to it are null', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      steps: {
        check: step(),
        fix: step({}, { if: { $from: 'check.result.ok', equals: false } }),
        end: step({ fixed: { $from: 'fix.result' } }),
      },
    })
    await world.advance(id)
    await world.finish(world.open()[0] as Task, { result: { ok: true } })
    await world.report()
    expect(inputOf(world.open()[0] as Task)).toEqual({ fixed: null })
    expect(states(world).fix).toBe('SKIPPED')
  })

  it('a wait ends by its signal, also by one that came early; later ones change nothing', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      chain: [step(), { name: 'approval', wait: { signal: 'approve' } }, step({ $from: 'approval.result' })],
    })
    const key = { tenant: TENANT, id }
    await world.advance(id)
    const plan = JSON.parse((world.read().plan as { json: string }).json)
    const ports = { workflows: world.workflows, clock: world.clock }
    await expect(signalWorkflow(ports, key, 'aprove', { json: 'null' }, plan)).rejects.toThrow(
      /It waits for: approve/,
    )
    await signalWorkflow(ports, key, 'approve', { json: '{"by":"kim"}' }, plan)
    await signalWorkflow(ports, key, 'approve', { json: '{"by":"lee"}' }, plan)
    await world.finish(world.open()[0] as Task, { result: 1 })
    await world.report()
    expect(world.open()).toHaveLength(1)
    expect(inputOf(world.open()[0] as Task)).toEqual({ by: 'kim' })
  })

  it('a wait without a signal fails at its deadline, or continues where it says so', async () => {
    for (const on_timeout of ['fail', 'continue'] as const) {
      const world = makeWorkflowWorld()
      const id = await world.create({
        chain: [{ wait: { signal: 's', timeout_seconds: 60, on_timeout } }, step()],
      })
      await world.advance(id)
      expect(world.read().dueAt).toBe(world.clock.now() + 60_000)
      await world.clock.advance(60_000)
      await world.repair()
      if (on_timeout === 'fail')
        expect(world.read()).toMatchObject({ status: 'FAILED', error: { code: 'signal_timeout' } })
      else expect(world.open()).toHaveLength(1)
    }
  })

  it('a deadline before the next sweep is scheduled at its second, and no other one', async () => {
    const wakeQueue: number[] = []
    for (const [timeout_seconds, expiresIn] of [
      [5, undefined],
      [3_600, undefined],
      [3_600, 20_000],
    ] as const) {
      const world = makeWorkflowWorld()
      const more = expiresIn === undefined ? {} : { expiresAt: world.clock.now() + expiresIn }
      const id = await world.create(
        { chain: [{ wait: { signal: 's', timeout_seconds } }, step()] },
        'w1',
        more,
      )
      const wake = async (_key: object, delaySeconds = 0) => void wakeQueue.push(delaySeconds)
      await world.within((dependencies) =>
        advanceWorkflow(
          { ...dependencies, wakeQueue: { wake } },
          { tenant: TENANT, id },
          world.clock.now() + 9_000,
        ),
      )
      expect(world.read().status).toBe('RUNNING')
    }
    expect(wakeQueue).toEqual([5, 20])
  })

  it('the timeout of the workflow ends it and cancels the running tasks', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ chain: [step(), step()] }, 'w1', { expiresAt: world.clock.now() + 5_000 })
    await world.advance(id)
    await world.clock.advance(5_000)
    await world.repair()
    expect(world.read()).toMatchObject({ status: 'FAILED', error: { code: 'workflow_timeout' } })
    expect(world.open()).toEqual([])
  })

  it('a retry keeps what completed and runs the rest, once', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      chord: {
        group: [step({ n: 0 }), step({ n: 1 }), step({ n: 2 })],
        then: step({ all: { $from: 'previous.results' } }),
      },
      on_failure: 'continue',
    })
    await world.advance(id)
    for (const task of world.open())
      await world.finish(task, inputOf(task).n === 1 ? 'fails' : { result: inputOf(task).n })
    await world.report()
    expect(world.read().status).toBe('FAILED')
    await world.repair()
    await retryWorkflow({ workflows: world.workflows, clock: world.clock }, { tenant: TENANT, id })
    await world.repair()
    const [only, ...more] = world.open()
    expect(more).toEqual([])
    expect(only).toMatchObject({ epoch: 2, parent: { index: 1, epoch: 2 } })
    await world.finish(only as Task, { result: 1 })
    await world.report()
    expect(inputOf(world.open()[0] as Task).all).toEqual([0, 1, 2])
    await world.finish(world.open()[0] as Task, { result: 'end' })
    await world.report()
    expect(world.read()).toMatchObject({ status: 'COMPLETED', epoch: 2 })
  })

  it('a retry restarts the timeout, and a workflow that ends before it is in time', async () => {
    const world = makeWorkflowWorld()
    const timeoutMs = 5_000
    const id = await world.create({ chain: [step()] }, 'w1', {
      timeoutMs,
      expiresAt: world.clock.now() + timeoutMs,
    })
    await world.advance(id)
    await world.clock.advance(5_000)
    await world.repair()
    expect(world.read()).toMatchObject({ status: 'FAILED', error: { code: 'workflow_timeout' } })
    await world.clock.advance(120_000)
    await world.repair()
    await retryWorkflow({ workflows: world.workflows, clock: world.clock }, { tenant: TENANT, id })
    expect(world.read().expiresAt).toBe(world.clock.now() + timeoutMs)
    await world.repair()
    await world.finish(world.open()[0] as Task, { result: 1 })
    // Its end is reported after the timeout.
    await world.clock.advance(6_000)
    await world.report()
    expect(world.read().status).toBe('COMPLETED')
  })

  it('a cancel performs all follow-ups for each task: turns, reservations, webhooks, counts', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ group: [step({}, { concurrency_key: 'k' }), step()] })
    await world.advance(id)
    await cancelWorkflow({ workflows: world.workflows, clock: world.clock }, { tenant: TENANT, id })
    const turns: string[] = []
    await world.within((dependencies) =>
      advanceWorkflow(
        { ...dependencies, followUps: { turn: async (task) => void turns.push(task.id) } },
        { tenant: TENANT, id },
        world.clock.now() + 60_000,
      ),
    )
    expect(turns).toEqual([world.tasks().find(({ concurrencyKey }) => concurrencyKey === 'k')?.id])
    expect(world.tasks().map(({ status, pending = [] }) => [status, pending])).toEqual([
      ['CANCELLED', []],
      ['CANCELLED', []],
    ])
    // If the process ends midway, the row keeps them and the sweeper sends them.
    const other = makeWorkflowWorld()
    await other.create({ group: [step({}, { concurrency_key: 'k' })] })
    await other.advance(id)
    await cancelWorkflow({ workflows: other.workflows, clock: other.clock }, { tenant: TENANT, id })
    await other.advance(id)
    expect(other.tasks()[0]).toMatchObject({ status: 'CANCELLED', pending: ['turn'] })
    expect(other.tasks()[0]?.dueAt).toBeDefined()
  })

  it('a cancel reaches queued tasks, and no step starts after it', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ chain: [{ group: [step(), step()] }, step()] })
    await world.advance(id)
    const running = world.open()
    const ports = { workflows: world.workflows, clock: world.clock }
    await cancelWorkflow(ports, { tenant: TENANT, id })
    // Its tasks are still open: a retry now would collide with the cancels in progress.
    await expect(retryWorkflow(ports, { tenant: TENANT, id })).rejects.toThrow(/being cancelled/)
    await world.advance(id)
    expect(world.tasks().map(({ status }) => status)).toEqual(['CANCELLED', 'CANCELLED'])
    await world.report()
    expect(world.open()).toEqual([])
    expect(running).toHaveLength(2)
    expect(states(world)).toEqual({ 1: 'CANCELLED', 2: 'CANCELLED' })
  })

  it('a row of 500 steps that all failed with long messages stays below 400 kB, the limit of an item', async () => {
    const world = makeWorkflowWorld()
    const long = 'é'.repeat(240)
    const id = await world.create({
      on_failure: 'continue',
      steps: Object.fromEntries([
        ['a', step()],
        ...Array.from({ length: 499 }, (_, index) => [
          `a-name-of-forty-letters-as-long-as-${index}`,
          step({ $from: `a.result.${long}` }),
        ]),
      ]),
    })
    await world.advance(id)
    await world.finish(world.open()[0] as Task, { result: {} })
    await world.report()
    expect(world.read().status).toBe('FAILED')
    expect(Buffer.byteLength(JSON.stringify({ ...world.read(), plan: '' }))).toBeLessThan(390_000)
  })

  it('the cost of a workflow is the sum of its tasks, however many', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({
      chain: [{ group: Array.from({ length: 700 }, () => step()) }, step()],
    })
    const cost = async () => (await showWorkflow(world, world.read())).costMicroUsd
    await world.advance(id)
    const leaves = world.open()
    for (const leaf of leaves.slice(0, 300)) await world.finish(leaf, { result: 1, costMicroUsd: 20 })
    await world.report()
    expect(await cost()).toBe(6_000)
    for (const leaf of leaves.slice(300)) await world.finish(leaf, { result: 1, costMicroUsd: 10 })
    await world.report()
    expect(await cost()).toBe(10_000)
    await world.finish(world.open()[0] as Task, { result: 1, costMicroUsd: null })
    await world.report()
    expect(world.read().status).toBe('COMPLETED')
    expect(await cost()).toBeNull()
  })

  it('is processed once although the clock advances: a change of only the next due time is not written', async () => {
    for (const body of [{ wait: { signal: 'go' } }, step()]) {
      const world = makeWorkflowWorld()
      const id = await world.create({ chain: [body] })
      const replace = world.workflows.replace.bind(world.workflows)
      world.workflows.replace = async (seen, next) => {
        if (world.workflows.writes > 20) throw new Error('The workflow is written without end.')
        return replace(seen, next)
      }
      let ticks = 0
      await world.within((dependencies) => {
        const clock = { ...dependencies.clock, now: () => world.clock.now() + ticks++ }
        return advanceWorkflow({ ...dependencies, clock }, { tenant: TENANT, id }, clock.now() + 100_000)
      })
      const { writes } = world.workflows
      // The row's creation, the start of its step, the creation of its tasks, the next due time.
      expect(writes).toBeLessThanOrEqual(4)
      await world.within((dependencies) => {
        const clock = { ...dependencies.clock, now: () => world.clock.now() + ticks++ }
        return advanceWorkflow({ ...dependencies, clock }, { tenant: TENANT, id }, clock.now() + 100_000)
      })
      expect(world.workflows.writes).toBe(writes)
    }
  })

  it('one process creates the tasks of a step; others leave that to it meanwhile', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ group: Array.from({ length: 1_200 }, () => step()) })
    const create = world.store.create.bind(world.store)
    let creates = 0
    world.store.create = async (task) => {
      creates += 1
      if (creates % 400 === 0) await world.advance(id)
      return create(task)
    }
    await world.advance(id)
    expect(world.open()).toHaveLength(1_200)
    expect(creates).toBe(1_200)
  })

  it('when the start of a step is interrupted, the next call creates its remaining tasks', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ group: Array.from({ length: 1_200 }, () => step()) })
    const key = { tenant: TENANT, id }
    const [begun, isOver] = [world.clock.now(), () => world.open().length >= 700]
    await world.within(async (dependencies) => {
      const clock = { ...dependencies.clock, now: () => begun + (isOver() ? 10_000 : 0) }
      expect(await advanceWorkflow({ ...dependencies, clock }, key, begun + 5_000)).toBe('unfinished')
    })
    expect(world.open().length).toBeLessThan(800)
    // The next call continues at once, ten seconds later: no row has to become due first.
    await world.clock.advance(10_000)
    await world.advance(id)
    expect(world.open()).toHaveLength(1_200)
  })

  it('fail_fast creates no more tasks of a large group once one has failed', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ group: Array.from({ length: 2_000 }, () => step()) })
    const create = world.store.create.bind(world.store)
    let isFailed = false
    world.store.create = async (task) => {
      if (world.open().length === 300 && !isFailed) {
        isFailed = true
        await world.finish(world.open()[0] as Task, 'fails')
        await world.report()
      }
      return create(task)
    }
    await world.advance(id)
    expect(world.read()).toMatchObject({ status: 'FAILED', error: { code: 'step_failed' } })
    expect(world.tasks()).toHaveLength(500)
    expect(world.open()).toEqual([])
  })

  it('a fan-out of 10,000 costs two writes per task in addition to the task’s own', async () => {
    const world = makeWorkflowWorld()
    const id = await world.create({ group: Array.from({ length: 10_000 }, () => step()) })
    await world.advance(id)
    expect(world.open()).toHaveLength(10_000)
    for (const leaf of world.open()) await world.finish(leaf, { result: 1 })
    await world.report()
    expect(world.read().status).toBe('COMPLETED')
    // One per leaf for its join; the rest are writes of the workflow's row.
    expect(world.workflows.writes).toBeLessThan(10_000 * 1.01)
  })
})
