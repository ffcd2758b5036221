import { afterAll, describe, expect, it } from 'vitest'
import { DynamoSharedCalls } from '../../functions/core/adapters/dynamodb/shared-calls.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { cancelTask } from '../../functions/core/application/tasks/cancel-task.ts'
import { UnavailableError } from '../../functions/core/domain/errors.ts'
import { failedStatus } from '../../functions/core/domain/provider-failure.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import type { ModelClient } from '../../functions/core/kit/index.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import type { SharedCalls } from '../../functions/core/ports/shared-calls.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { MemorySharedCalls } from '../fixtures/memory-shared-calls.ts'
import { type Death, Life } from '../fixtures/mortal.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const [dynalite, local] = await Promise.all([startDynalite(), startLocalTable()])
afterAll(() => Promise.all([dynalite.stop(), local.stop()]))

const KINDS: Record<string, () => Promise<SharedCalls>> = {
  'in memory': async () => new MemorySharedCalls(),
  'in the local table': async () => new DynamoSharedCalls(local.documents, await local.createTable()),
  'in the table': async () => new DynamoSharedCalls(dynalite.documents, await dynalite.createTable()),
}
const CALL = { tenant: 'acme', hash: 'h' }
const me = (id: string) => ({ id, token: `${id}.1` })

describe.each(Object.entries(KINDS))('shared calls %s', (_name, open) => {
  it('have one leader of 20 concurrent callers; asking again keeps that leader', async () => {
    const calls = await open()
    const ids = Array.from({ length: 20 }, (_, index) => `t${index}`)
    const seen = await Promise.all(ids.map((id) => calls.lead(CALL, me(id), 1_000)))
    const leaders = ids.filter((_, index) => seen[index] === undefined)
    expect(leaders).toHaveLength(1)
    const leader = me(leaders[0] as string)
    expect(seen.filter((found) => found !== undefined)).toEqual(Array.from({ length: 19 }, () => leader))
    expect(await calls.lead(CALL, leader, 2_000)).toBeUndefined()
    expect(await calls.look(CALL)).toEqual(leader)
  })

  it('are separate for each request and tenant', async () => {
    const calls = await open()
    expect(await calls.lead(CALL, me('a'), 1)).toBeUndefined()
    expect(await calls.lead({ ...CALL, tenant: 'else' }, me('b'), 1)).toBeUndefined()
    expect(await calls.lead({ ...CALL, hash: 'other' }, me('c'), 1)).toBeUndefined()
    const answer = { answeredAt: 5, value: { json: '"x"' } }
    await calls.answer('acme', me('a'), answer, 99)
    expect(await calls.answerOf('acme', me('a'))).toEqual(answer)
    expect(await calls.answerOf('else', me('a'))).toBeUndefined()
  })

  it('can be released, stored for a time, or taken over; a caller that is no longer the leader changes nothing', async () => {
    const calls = await open()
    await calls.lead(CALL, me('a'), 1)
    await calls.leave(CALL, me('b'), 2)
    expect(await calls.look(CALL)).toEqual(me('a'))
    expect(await calls.lead(CALL, me('b'), 2, 'nobody')).toEqual(me('a'))
    expect(await calls.lead(CALL, me('b'), 2, 'a.1')).toBeUndefined()
    await calls.leave(CALL, me('a'), 3)
    expect(await calls.look(CALL)).toEqual(me('b'))
    await calls.leave(CALL, me('b'), 4, 100)
    expect(await calls.lead(CALL, me('c'), 99)).toEqual({ ...me('b'), keptUntil: 100 })
    expect(await calls.lead(CALL, me('c'), 100)).toBeUndefined()
    expect(await calls.look(CALL)).toEqual(me('c'))
    await calls.leave(CALL, me('c'), 101)
    expect(await calls.look(CALL)).toBeUndefined()
  })
})

type Share = boolean | { readonly reuseSeconds: number }

/** Tasks with the same model request; each call takes five seconds. */
function open(share: Share = true, fail?: (call: number) => Error | undefined) {
  const state = { calls: 0, ended: 0, aborted: 0, deltas: [] as string[] }
  const world = makeWorld((async ({ model }: { model: ModelClient }) =>
    model.complete({ prompt: 'the same', share, onDelta: (text) => void state.deltas.push(text) })) as never)
  const provider: ModelProvider = {
    name: 'openai',
    generate: async (_request, { signal, onDelta }) => {
      const call = ++state.calls
      await world.clock.sleep(5_000, signal)
      if (signal.aborted) state.aborted += 1
      signal.throwIfAborted()
      state.ended += 1
      const error = fail?.(call)
      if (error) throw error
      onDelta?.('an ')
      onDelta?.('answer')
      return {
        text: 'an answer',
        usage: { inputTokens: 10, outputTokens: 20, cachedTokens: null, reasoningTokens: null },
        finishReason: 'stop',
      }
    },
  }
  Object.assign(world.worker, { providers: { forModel: async () => provider }, priceOf: () => 700 })
  const submit = async (more: Partial<typeof SUBMISSION | { tenant: string }> = {}) =>
    (await submitTask(world, { ...SUBMISSION, ...more })).task
  const rows = async (tasks: readonly Task[]) =>
    Promise.all(tasks.map(async (task) => (await world.store.get(task)) as Task))
  const poll = () => void pollLane(world).batch.catch(() => undefined)
  return { world, state, submit, rows, poll, provider }
}

describe('identical calls of one tenant', () => {
  it('that run at the same time are one call; each task has its answer, and one task pays', async () => {
    const { world, state, submit, rows, poll } = open()
    const tasks = [await submit(), await submit(), await submit(), await submit()]
    poll()
    await world.clock.advance(8_000)
    const ended = await rows(tasks)
    expect(state.calls).toBe(1)
    expect(ended.map(({ status, result }) => [status, result])).toEqual(
      tasks.map(() => ['COMPLETED', { json: '"an answer"' }]),
    )
    const payers = ended.filter(({ usage }) => usage?.sharedWith === undefined)
    expect(payers).toHaveLength(1)
    expect(payers[0]?.usage).toMatchObject({ costMicroUsd: 700, inputTokens: 10 })
    for (const { usage } of ended.filter((task) => task !== payers[0]))
      expect(usage).toMatchObject({
        costMicroUsd: 0,
        inputTokens: 0,
        outputTokens: 0,
        provider: 'openai',
        finishReason: 'stop',
        sharedWith: payers[0]?.id,
      })
    // The leader gets the text in pieces, a follower as a whole.
    expect(state.deltas.toSorted()).toEqual(['an ', 'an answer', 'an answer', 'an answer', 'answer'])
  })

  it('are separate without share, for two tenants, and one after the other', async () => {
    const alone = open(false)
    const tasks = [await alone.submit(), await alone.submit()]
    alone.poll()
    await alone.world.clock.advance(8_000)
    expect((await alone.rows(tasks)).every(({ usage }) => usage?.sharedWith === undefined)).toBe(true)
    expect(alone.state.calls).toBe(2)

    const walled = open()
    await walled.submit()
    await walled.submit({ tenant: 'else' })
    walled.poll()
    await walled.world.clock.advance(8_000)
    expect(walled.state.calls).toBe(2)
    await walled.submit()
    walled.poll()
    await walled.world.clock.advance(8_000)
    expect(walled.state.calls).toBe(3)
  })

  it('reuse an earlier answer that is recent enough, where both tasks allow it', async () => {
    const { world, state, submit, rows, poll } = open({ reuseSeconds: 60 })
    const first = await submit()
    poll()
    await world.clock.advance(8_000)
    const second = await submit()
    poll()
    await world.clock.advance(1_000)
    expect(state.calls).toBe(1)
    const ended = await rows([first, second])
    expect(ended[1]).toMatchObject({ status: 'COMPLETED', usage: { sharedWith: first.id, costMicroUsd: 0 } })
    await world.clock.advance(60_000)
    await submit()
    poll()
    await world.clock.advance(8_000)
    expect(state.calls).toBe(2)
  })

  it('whose leader is cancelled get another leader', async () => {
    const { world, state, submit, rows, poll } = open()
    const tasks = [await submit(), await submit(), await submit()]
    poll()
    await world.clock.advance(1_000)
    const call = await world.sharedCalls.look({ ...CALL, hash: [...hashes(world)][0] ?? '' })
    const leader = tasks.find(({ id }) => id === call?.id) as Task
    await cancelTask(world, leader)
    await world.clock.advance(20_000)
    const statuses = (await rows(tasks)).map(({ id, status }) => [id === leader.id, status])
    expect(statuses.toSorted()).toEqual([
      [false, 'COMPLETED'],
      [false, 'COMPLETED'],
      [true, 'CANCELLED'],
    ])
    expect(state).toMatchObject({ calls: 2, ended: 1, aborted: 1 })
  })

  it('whose follower is cancelled continue, and it pays nothing', async () => {
    const { world, state, submit, rows, poll } = open()
    const tasks = [await submit(), await submit(), await submit()]
    poll()
    await world.clock.advance(1_000)
    const call = await world.sharedCalls.look({ ...CALL, hash: [...hashes(world)][0] ?? '' })
    const follower = tasks.find(({ id }) => id !== call?.id) as Task
    await cancelTask(world, follower)
    await world.clock.advance(20_000)
    const ended = await rows(tasks)
    for (const { id, status, usage } of ended)
      expect([status, usage?.costMicroUsd]).toEqual(
        id === follower.id ? ['CANCELLED', undefined] : ['COMPLETED', id === call?.id ? 700 : 0],
      )
    expect(state).toMatchObject({ calls: 1, ended: 1, aborted: 0 })
  })

  it('whose follower times out do not stop: its next attempt reads the stored answer', async () => {
    const { world, state, submit, rows, poll } = open({ reuseSeconds: 60 })
    const first = await submit()
    poll()
    await world.clock.advance(1_000)
    const hasty = await submit({ timeoutMs: 2_000 } as never)
    poll()
    for (let round = 0; round < 10; round += 1) {
      await world.clock.advance(3_000)
      poll()
    }
    expect(await rows([first, hasty])).toMatchObject([
      { status: 'COMPLETED', attempt: 1, usage: { costMicroUsd: 700 } },
      { status: 'COMPLETED', usage: { costMicroUsd: 0, sharedWith: first.id } },
    ])
    expect(state.calls).toBe(1)
  })

  it('whose leader times out repeatedly still end: each task leads as often as it has attempts', async () => {
    const { world, state, submit, rows, poll } = open()
    const tasks = await Promise.all(
      Array.from({ length: 3 }, () => submit({ timeoutMs: 3_000, maxAttempts: 2 } as never)),
    )
    for (let round = 0; round < 60; round += 1) {
      poll()
      await world.clock.advance(3_000)
    }
    expect((await rows(tasks)).map(({ status, error }) => [status, error?.code])).toEqual(
      tasks.map(() => ['FAILED', 'timeout']),
    )
    expect(state.calls).toBeLessThanOrEqual(6)
    expect(state.ended).toBe(0)
  })

  it('whose follower dies are not repeated for it', async () => {
    const { world, state, submit, rows, poll, provider } = open({ reuseSeconds: 600 })
    const first = await submit()
    poll()
    await world.clock.advance(500)
    const second = await submit()
    for (let atCall = 1; atCall <= 8; atCall += 1) {
      const life = new Life({ atCall, isApplied: atCall % 2 === 0 }, world.clock.sleep)
      const mortal = {
        ...world.worker,
        store: life.wrap(world.store),
        sharedCalls: life.wrap(world.sharedCalls),
        providers: { forModel: async () => life.wrap(provider) },
      }
      void pollLane(world, { worker: mortal }).batch.catch(() => undefined)
      await world.clock.advance(95_000)
      await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
    }
    for (let round = 0; round < 6; round += 1) {
      poll()
      await world.clock.advance(70_000)
      await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
    }
    const [payer, follower] = await rows([first, second])
    expect(payer).toMatchObject({ status: 'COMPLETED', usage: { costMicroUsd: 700 } })
    // Each death uses up one attempt of the follower. Its answer is the one that was paid for, as long as that is stored.
    expect(['COMPLETED', 'FAILED']).toContain(follower?.status)
    expect(state.calls).toBeLessThanOrEqual(follower?.usage?.sharedWith ? 1 : 2)
  })

  it('of a task without money left cost it nothing, and are never made by it', async () => {
    const { world, state, submit, rows, poll } = open()
    const rich = await submit()
    poll()
    await world.clock.advance(500)
    // It could not pay for its own call, so it is refused before it searches for one of another task.
    const poor = await submit({ maxCostMicroUsd: 1 } as never)
    poll()
    await world.clock.advance(20_000)
    const ended = await rows([rich, poor])
    expect(ended[0]).toMatchObject({ status: 'COMPLETED', usage: { costMicroUsd: 700 } })
    expect(ended[1]).toMatchObject({ status: 'FAILED', error: { code: 'cost_limit_reached' } })
    expect(ended[1]?.usage).toBeUndefined()
    expect(state.calls).toBe(1)
  })

  it('that fail are repeated by each task on its own, at most as often as it has attempts', async () => {
    const { world, state, submit, rows, poll } = open(true, () =>
      failedStatus({ provider: 'openai', status: 400, message: 'no', now: 0 }),
    )
    const tasks = [await submit(), await submit(), await submit()]
    poll()
    await world.clock.advance(60_000)
    expect((await rows(tasks)).map(({ status, attempt }) => [status, attempt])).toEqual(
      tasks.map(() => ['FAILED', 1]),
    )
    expect(state.calls).toBe(3)
  })

  it('are made separately while the store does not answer', async () => {
    const { world, state, submit, rows, poll } = open()
    world.sharedCalls.lead = async () => {
      throw new UnavailableError('no')
    }
    const tasks = [await submit(), await submit()]
    poll()
    await world.clock.advance(8_000)
    expect((await rows(tasks)).map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED'])
    expect(state.calls).toBe(2)
  })

  const deaths = Array.from({ length: 14 }, (_, index) =>
    [true, false].map((isApplied) => ({ atCall: index + 1, isApplied })),
  ).flat()
  it.each(deaths)(
    'whose leader dies at call $atCall, applied: $isApplied: all tasks end, and only the dead leader’s task pays twice',
    async (death: Death) => {
      const { world, state, submit, rows, poll, provider } = open()
      const first = await submit()
      const life = new Life(death, world.clock.sleep)
      const mortal = {
        ...world.worker,
        store: life.wrap(world.store),
        payloads: life.wrap(world.payloads),
        sharedCalls: life.wrap(world.sharedCalls),
        providers: { forModel: async () => life.wrap(provider) },
      }
      void pollLane(world, { worker: mortal }).batch.catch(() => undefined)
      await world.clock.advance(500)
      const others = [await submit(), await submit()]
      poll()
      for (let round = 0; round < 8; round += 1) {
        await world.clock.advance(30_000)
        await sweep({ ...world.worker, lanes: world.lanes }, world.clock.now() + 60_000)
        poll()
      }
      const ended = await rows([first, ...others])
      expect(ended.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED'])
      // The call that failed, the others together, and the failed one again.
      expect(state.calls).toBeLessThanOrEqual(life.isOver ? 3 : 2)
      const paid = ended.filter(({ usage }) => usage?.costMicroUsd === 700).length
      const shared = ended.filter(({ usage }) => usage?.sharedWith !== undefined).length
      expect(paid + shared).toBe(3)
      expect(paid).toBeGreaterThanOrEqual(1)
    },
  )
})

/** The one request of these worlds. */
function hashes(world: { readonly sharedCalls: MemorySharedCalls }): ReadonlySet<string> {
  return world.sharedCalls.hashes
}
