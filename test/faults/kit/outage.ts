import { sweep } from '../../../functions/core/application/repair/sweep.ts'
import { failedStatus } from '../../../functions/core/domain/provider-failure.ts'
import { makeTask } from '../../fixtures/make-task.ts'
import { makeWorld, pollLane, type World } from '../../fixtures/world.ts'

/** Tasks submitted within some seconds, each with its message. */
export async function fill(world: World, total: number, changes: object = {}): Promise<string[]> {
  const start = world.clock.now()
  const ids: string[] = []
  for (let n = 0; n < total; n += 1) {
    const id = `task-${String(n).padStart(6, '0')}`
    const at = start + Math.floor(n / 100)
    await world.store.create(
      makeTask(at, { id, type: 'test.run', dueAt: at + 60_000, queuedAt: at, ...changes }),
    )
    await world.queue.send('ai', { v: 1, tenant: 'acme', id, epoch: 1 })
    ids.push(id)
  }
  return ids
}

/** One minute: the lane runs this many tasks, then the sweeper runs. */
export async function minute(world: World, perMinute: number, batch = 100): Promise<void> {
  const batches = Math.ceil(perMinute / batch)
  for (let n = 0; n < batches; n += 1) {
    const { batch: running } = pollLane(world, { most: batch })
    await world.clock.advance(Math.floor(60_000 / batches))
    await running
  }
  if (batches === 0) await world.clock.advance(60_000)
  await sweep(world, world.clock.now() + 50_000)
}

export async function openTasks(world: World, ids: readonly string[]): Promise<number> {
  let open = 0
  for (const id of ids) if ((await world.store.get({ tenant: 'acme', id }))?.status !== 'COMPLETED') open += 1
  return open
}

export interface Outage {
  readonly minutes: number
  /** SQS's maximum receive count: a message above it goes to the dead-letter queue. */
  readonly maxReceiveCount: number
  readonly tasks: number
}

export interface OutageSeen {
  /** Healthy tasks with a message that the queue moved to the dead-letter queue. */
  readonly moved: number
  readonly maxReceives: number
  /** Tasks that have not completed half an hour after the provider is back. */
  readonly open: number
  readonly resent: number
}

/**
 * Tasks that call a model of a provider that is down for this long: the product's code, simulated services and SQS's rule, with
 * a simulated clock.
 */
export async function simulateOutage({ minutes, maxReceiveCount, tasks }: Outage): Promise<OutageSeen> {
  const world = makeWorld()
  world.queue.maxReceiveCount = maxReceiveCount
  let isDown = true
  world.type.run = async (context) =>
    (context as { model: { complete(call: object): Promise<string> } }).model.complete({ prompt: 'x' })
  const provider = {
    name: 'openai',
    generate: async () => {
      if (isDown)
        throw failedStatus({ provider: 'openai', status: 503, message: 'down', now: world.clock.now() })
      return {
        text: 'answer',
        usage: { inputTokens: 1, outputTokens: 1, cachedTokens: null, reasoningTokens: null },
        finishReason: 'stop' as const,
      }
    },
  }
  Object.assign(world.worker.providers, { forModel: async () => provider })
  const ids = await fill(world, tasks, { model: 'gpt-3.5-turbo', maxAttempts: 4 })
  for (let n = 0; n < minutes; n += 1) await minute(world, 600, 10)
  isDown = false
  for (let n = 0; n < 30 && (await openTasks(world, ids)) > 0; n += 1) await minute(world, 600, 10)
  return {
    moved: world.queue.movedByCount,
    maxReceives: world.queue.maxReceives,
    open: await openTasks(world, ids),
    resent: world.events.filter(({ event }) => event === 'task.resent').length,
  }
}
