import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { runBatch } from '../../functions/core/application/run/run-batch.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import { TaskError } from '../../functions/core/domain/errors.ts'
import { isFinal, type Task } from '../../functions/core/domain/task.ts'
import type { TaskStore } from '../../functions/core/ports/task-store.ts'
import { clientOptions } from '../e2e/backdoor.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { queuePorts } from '../fixtures/memory-queue.ts'
import { hasMinistack, ministackEndpoint } from '../fixtures/ministack.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { createTaskTable } from '../fixtures/task-table.ts'
import { wholeStore } from '../fixtures/whole-store.ts'
import { type ManualClock, makeWorld, SUBMISSION, type WholeStore } from '../fixtures/world.ts'

const TENANT = 'acme'
const OWN = { ...SUBMISSION, tenant: TENANT, maxAttempts: 2, timeoutMs: 120_000 }

type Behaviour = 'quick' | 'slow' | 'fails' | 'stumbles'
type Step =
  | { readonly kind: 'submit'; readonly behaviour: Behaviour; readonly delayMs: number; readonly key: number }
  | { readonly kind: 'work'; readonly death: Death | undefined; readonly most: number }
  | { readonly kind: 'sweep'; readonly death: Death | undefined }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'cancel' | 'retry'; readonly task: number; readonly death: Death | undefined }
  | { readonly kind: 'duplicate' | 'lose' | 'redrive' | 'outage' }

const atCall = fc.integer({ min: 1, max: 14 })
const death: fc.Arbitrary<Death | undefined> = fc.option(
  fc.oneof(
    fc.record({ atCall, isApplied: fc.boolean() }),
    fc.record({ atCall, isApplied: fc.constant(true), stallMs: fc.constantFrom(1_000, 65_000, 200_000) }),
  ),
  { nil: undefined, freq: 2 },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      behaviour: fc.constantFrom<Behaviour>('quick', 'slow', 'fails', 'stumbles'),
      delayMs: fc.constantFrom(0, 0, 0, 5_000, 2_000_000),
      key: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('work' as const),
      death,
      most: fc.integer({ min: 1, max: 10 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('sweep' as const), death }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 500, 3_000, 21_000, 61_000, 95_000, 400_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('cancel' as const, 'retry' as const),
      task: fc.nat(20),
      death,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('duplicate' as const, 'lose' as const, 'redrive' as const, 'outage' as const),
    }),
  },
)

interface RunContext {
  readonly taskId: string
  readonly input: Behaviour
  readonly attempt: number
  readonly sleep: (ms: number) => Promise<void>
}

/** Runs the steps, checks the rows after each of them, then ends the faults and checks that all rows are final. */
async function play(steps: readonly Step[], openStore?: (clock: ManualClock) => WholeStore): Promise<void> {
  const ids: string[] = []
  const seen = new Map<string, Task>()
  const rowOf = async (id: string) => world.store.get({ tenant: TENANT, id })
  const violations: string[] = []
  /** Attempts that run in a process without faults, by task. */
  const running = new Map<string, { readonly life: Life; readonly epoch: number | undefined }>()
  const runIn = (life: Life) => async (context: never) => {
    const { taskId, input, attempt, sleep } = context as RunContext
    const row = await rowOf(taskId)
    if (row?.status === 'COMPLETED') violations.push(`11: ${taskId} has a result and is paid for again`)
    const other = running.get(taskId)
    // A cancelled attempt may take 3 s to notice, and a retry by hand may be faster: that is another epoch.
    const isDouble = other && !other.life.isStricken && !life.isStricken && other.epoch === row?.epoch
    if (isDouble && row?.status === 'PROCESSING') violations.push(`3: ${taskId} has two owners`)
    const own = { life, epoch: row?.epoch }
    running.set(taskId, own)
    try {
      if (input === 'slow') await sleep(70_000)
      if (input === 'fails') throw new TaskError('never works')
      if (input === 'stumbles' && attempt < 2) throw new TaskError('not yet', { retry: 'counted' })
      return `result of ${taskId}`
    } finally {
      if (running.get(taskId) === own) running.delete(taskId)
    }
  }
  const world = makeWorld(undefined, openStore)
  const { clock, queue } = world
  const ownerOf = new Map<string, Life>()
  /** Invariant 3 in the table: only the process that claimed last writes the attributes of an attempt. */
  const observed = (life: Life): TaskStore =>
    new Proxy(world.store, {
      get: (target, name) => {
        if (name !== 'change') return bound(target, name)
        return async (...[key, transition]: Parameters<TaskStore['change']>) => {
          const answer = await target.change(key, transition)
          if (!answer.changed) return answer
          if (transition.name === 'claim') ownerOf.set(key.id, life)
          else if (OWNERS_WRITES.includes(transition.name) && ownerOf.get(key.id) !== life)
            violations.push(`3: ${transition.name} of ${key.id} landed without the lease`)
          return answer
        }
      },
    })
  const mortal = (how: Death | undefined) => {
    const life = new Life(how, clock.sleep)
    const own = {
      ...world.worker,
      // Every second process fills its free slots.
      slots: steps.length % 2 === 0 ? 1 : 3,
      maxAttemptMs: 120_000,
      lanes: world.lanes,
      findTaskType: (name: string) => (name === 'test.run' ? { ...world.type, run: runIn(life) } : undefined),
      // A process's timers die with it.
      clock: { now: clock.now, random: clock.random, sleep: life.wrap({ sleep: clock.sleep }).sleep },
      store: life.wrap(observed(life)),
      ...queuePorts(life.wrap(world.queue)),
    }
    return { life, own }
  }
  /** One receive and one invocation; a process that died deletes nothing. */
  const work = (how: Death | undefined, most: number) => {
    const deliveries = queue.receive('ai', most)
    if (deliveries.length === 0) return
    const { life, own } = mortal(how)
    void runBatch(own, deliveries, clock.now() + 300_000).then((again) => {
      if (life.isOver) return
      for (const { receipt } of deliveries) if (!again.has(receipt)) queue.delete('ai', receipt)
    })
  }
  const perform = async (one: Step): Promise<void> => {
    const id = 'task' in one ? ids[one.task % Math.max(ids.length, 1)] : undefined
    switch (one.kind) {
      case 'submit': {
        const { task } = await submitTask(world, {
          ...OWN,
          input: one.behaviour,
          bodyHash: one.behaviour,
          ...(one.delayMs > 0 ? { delayMs: one.delayMs } : {}),
          ...(one.key > 2 ? { idempotencyKey: `${one.behaviour}-${one.delayMs}-${one.key}` } : {}),
        })
        if (!ids.includes(task.id)) ids.push(task.id)
        return
      }
      case 'work':
        return work(one.death, one.most)
      case 'sweep':
        return void sweep(mortal(one.death).own, clock.now() + 50_000).catch(() => undefined)
      case 'wait':
        return clock.advance(one.ms)
      case 'cancel':
        if (id) void cancelTask(mortal(one.death).own, { tenant: TENANT, id }).catch(() => undefined)
        return
      case 'retry':
        if (id) void retryTask(mortal(one.death).own, { tenant: TENANT, id }).catch(() => undefined)
        return
      case 'duplicate': {
        const [first] = queue.messages.ai
        if (first) queue.messages.ai.push({ ...first, visibleAt: clock.now(), receipt: '' })
        return
      }
      case 'lose': {
        // A marked message belongs to a task that has already failed: the row says so, and losing the message loses no work.
        const lost = queue.messages.ai.findIndex(({ message }) => message.dead === undefined)
        if (lost >= 0) queue.messages.ai.splice(lost, 1)
        return
      }
      case 'redrive':
        for (const message of queue.dead.ai.splice(0))
          queue.messages.ai.push({ message, visibleAt: clock.now(), receipt: '', receives: 0 })
        return
      case 'outage':
        queue.isDown = !queue.isDown
    }
  }
  const check = async (): Promise<void> => {
    expect(violations).toEqual([])
    for (const id of ids) {
      const row = await rowOf(id)
      if (!row) throw new Error(`${id} is gone`)
      const before = seen.get(id)
      seen.set(id, row)
      if (!isFinal(row.status)) expect(row.dueAt, `2: ${row.status} is never due`).toBeTypeOf('number')
      expect(row.attempt, '7: more attempts than allowed').toBeLessThanOrEqual(row.maxAttempts)
      if (row.status === 'COMPLETED') expect(row.result).toEqual({ json: JSON.stringify(`result of ${id}`) })
      else expect(row.result, '6: a result in a state that has none').toBeUndefined()
      if (!before) continue
      expect(row.epoch, 'the epoch decreases').toBeGreaterThanOrEqual(before.epoch)
      if (row.epoch === before.epoch && isFinal(before.status))
        expect(row.status, '5: a final state changed').toBe(before.status)
      if (before.status === 'COMPLETED') expect(row.epoch, 'a completed task is run again').toBe(before.epoch)
      // Two retries by hand at once, or two copies of one dead letter, start one epoch.
      expect(row.epoch - before.epoch, 'two epochs in one step').toBeLessThanOrEqual(1)
    }
  }
  for (const one of steps) {
    await perform(one)
    await clock.settle()
    await check()
  }
  // Without faults: a day at most, with a sweep each minute, because the longest wait is an hour.
  queue.isDown = false
  for (let minute = 0; minute < 1_440; minute += 1) {
    const rows = await Promise.all(ids.map(rowOf))
    if (rows.every((row) => row && isFinal(row.status) && row.dueAt === undefined)) break
    void sweep(mortal(undefined).own, clock.now() + 50_000)
    await clock.settle()
    work(undefined, 10)
    await clock.advance(30_000)
    work(undefined, 10)
    await clock.advance(30_000)
    await check()
  }
  for (const id of ids) {
    const row = await rowOf(id)
    expect([id, row && isFinal(row.status), row?.dueAt], '1: every accepted task ends').toEqual([
      id,
      true,
      undefined,
    ])
    if (row?.status === 'FAILED')
      expect(
        queue.dead.ai.some((message) => message.id === id && message.epoch === row.epoch) ||
          queue.messages.ai.some(({ message }) => message.id === id),
        'a failed task is in the dead-letter queue',
      ).toBe(true)
  }
}

const OWNERS_WRITES = ['complete', 'fail', 'retryLater', 'renew', 'report']

const bound = (target: object, name: string | symbol): unknown => {
  const value = Reflect.get(target, name, target)
  return typeof value === 'function' ? value.bind(target) : value
}

const seed = process.env.FAULT_SEED === undefined ? {} : { seed: Number(process.env.FAULT_SEED) }

describe('random sequences of submits, workers that die at any call, sweeps, cancels and retries', () => {
  it('every row meets the invariants after every step, and ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => play(steps)),
      { numRuns: 1_500, ...seed },
    )
  })

  it('the same with a table over DynamoDB’s protocol', async () => {
    const { documents, createTable, stop } = await startLocalTable()
    await playOn(documents, await createTable(), 8).finally(stop)
  })

  it.skipIf(!hasMinistack)('the same with a table implementation by other authors', async () => {
    const client = new DynamoDBClient(clientOptions(ministackEndpoint))
    const documents = DynamoDBDocumentClient.from(client, {
      marshallOptions: { removeUndefinedValues: true },
    })
    await playOn(documents, await createTaskTable(client, 'lifecycle'), 4).finally(() => client.destroy())
  })
})

async function playOn(documents: DynamoDBDocumentClient, TableName: string, numRuns: number): Promise<void> {
  let writes = 0
  let worlds = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
      worlds += 1
      const prefix = `world-${worlds}-`
      await play(steps, (clock) =>
        counted(
          clock,
          wholeStore(documents, TableName, clock.now, () => `${prefix}${++writes}`),
        ),
      )
      const { Items = [] } = await documents.send(new ScanCommand({ TableName }))
      for (const { pk, sk } of Items) await documents.send(new DeleteCommand({ TableName, Key: { pk, sk } }))
    }),
    { numRuns, ...seed },
  )
}

/** Registers the calls in progress with the clock, so that time does not move past an unanswered call. */
function counted(clock: ManualClock, store: WholeStore): WholeStore {
  const tell = async <Answer>(answer: Promise<Answer>) => {
    clock.underway += 1
    return answer.finally(() => {
      clock.underway -= 1
    })
  }
  const told = async function* <Page>(pages: AsyncIterable<Page>) {
    const source = pages[Symbol.asyncIterator]()
    for (;;) {
      const next = await tell(source.next())
      if (next.done) return
      yield next.value
    }
  }
  return new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target)
      if (name === 'shards')
        return (...args: Parameters<WholeStore['shards']>) => target.shards(...args).map(told)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => tell(Promise.resolve(value.apply(target, args)))
    },
  })
}
