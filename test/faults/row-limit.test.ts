/** All growing attributes of a task's row at their maximum at once, in a table that refuses items above 400 kB. */
import { GetCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, expect, it } from 'vitest'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { retryTask } from '../../functions/core/application/tasks/retry-task.ts'
import { failedStatus } from '../../functions/core/domain/provider-failure.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import type { TaskContext } from '../../functions/core/kit/index.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { wholeStore } from '../fixtures/whole-store.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const local = await startLocalTable()
afterAll(() => local.stop())

/** Text with three bytes per character, of any length. */
const LONG = '你'.repeat(200_000)
const EPOCHS = 4
const MAX_ATTEMPTS = 10

it('a task whose row has the maximum length in every attribute reaches its end, and the row is far below 400 kB', async () => {
  const table = await local.createTable()
  let ids = 0
  let isGood = false
  const run = async ({ progress, step, model }: TaskContext<unknown>) => {
    for (let n = 0; n < 3; n += 1) {
      progress(n, `${n} ${LONG}`)
      await step(`${n} ${'你'.repeat(70)}`, () => LONG.slice(0, 2_600))
    }
    // Each call continues at its provider, and the row keeps its id.
    await Promise.allSettled(
      Array.from({ length: 25 }, (_, n) => model.complete({ prompt: `${n} ${LONG.slice(0, 100)}` })),
    )
    if (isGood) return LONG.slice(0, 2_700)
    throw Object.assign(new Error(LONG, { cause: new Error(LONG, { cause: new Error(LONG) }) }), {
      code: LONG,
      name: LONG,
    })
  }
  const world = makeWorld(run as never, (clock) =>
    wholeStore(local.documents, table, clock.now, () => `write-${++ids}`),
  )
  const provider: ModelProvider = {
    name: 'a-provider-with-a-long-name',
    generate: async () => {
      throw new Error('never in the foreground')
    },
    background: {
      takes: () => true,
      start: async () => ({
        id: `${++ids}-${'你'.repeat(490)}`,
        outcome: async () => {
          await world.clock.sleep(10_000)
          const error = failedStatus({ provider: 'openai', status: 500, message: LONG, now: 0 })
          return { kind: 'failed', error }
        },
      }),
      attach: async () => ({ kind: 'gone' }),
      cancel: async () => undefined,
    },
  }
  const followUps = { ...world.worker.followUps, webhook: async () => undefined }
  Object.assign(world.worker, { providers: { forModel: async () => provider }, followUps })
  const { task } = await submitTask(world, {
    ...SUBMISSION,
    input: { prompt: LONG.slice(0, 2_700) },
    model: `${'你'.repeat(199)}m`,
    maxAttempts: MAX_ATTEMPTS,
    tags: Array.from({ length: 20 }, (_, n) => `${n}${'你'.repeat(62)}`),
    concurrencyKey: '你'.repeat(200),
    webhook: { url: `https://example.com/${'a'.repeat(1_900)}`, events: ['started', 'progress', 'failed'] },
  })
  const key = { TableName: table, Key: { pk: `T#acme#${task.id}`, sk: 'S' }, ConsistentRead: true }
  const get = async () => (await world.store.get(task)) as Task
  const bytes: number[] = []
  const measure = async () => {
    const { Item } = await local.documents.send(new GetCommand(key))
    bytes.push(Buffer.byteLength(JSON.stringify(Item)))
    return Item
  }
  const toEnd = async () => {
    for (let round = 0; round < 60; round += 1) {
      pollLane(world)
      // Its calls are in progress.
      await world.clock.advance(5_000)
      await measure()
      await world.clock.advance(60_000)
      await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
      const Item = await measure()
      if (['FAILED', 'COMPLETED'].includes(String(Item?.status)) && Item?.pending === undefined) return
    }
  }
  for (let epoch = 1; epoch <= EPOCHS; epoch += 1) {
    if (epoch > 1) await retryTask(world, task)
    await toEnd()
    expect(await get()).toMatchObject({ status: 'FAILED', epoch, attempt: MAX_ATTEMPTS })
  }
  isGood = true
  await retryTask(world, task)
  await toEnd()
  const ended = await get()
  expect(ended).toMatchObject({ status: 'COMPLETED', epoch: EPOCHS + 1, attempt: 1 })
  // Every attempt has a record or is in the count of omitted ones.
  expect(ended.history.length + (ended.attemptsOmitted ?? 0)).toBe(EPOCHS * MAX_ATTEMPTS + 1)
  console.info(`the largest row: ${Math.max(...bytes)} bytes`)
  expect(Math.max(...bytes)).toBeGreaterThan(40_000)
  expect(Math.max(...bytes)).toBeLessThan(100_000)
}, 120_000)
