import { describe, expect, it } from 'vitest'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import { ProviderGate } from '../../functions/core/application/run/guard-provider.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { costMicroUsd } from '../../functions/core/domain/cost.ts'
import { PRICE_TIERS, tierFor } from '../../functions/core/domain/price-tier.ts'
import type { TaskContext } from '../../functions/core/kit/index.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { sse, startRawServer } from '../fixtures/raw-server.ts'
import { makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const NOW = Date.UTC(2026, 10, 26)
const MINUTE_MS = 60_000

describe('the price tier of a call', () => {
  const ask = (leftMs: number | undefined, changes = {}, offered: typeof PRICE_TIERS | [] = PRICE_TIERS) =>
    tierFor(
      makeTask(NOW, {
        ...{ attempt: 1, maxAttempts: 4, timeoutMs: 4 * MINUTE_MS },
        ...(leftMs === undefined ? {} : { deadlineAt: NOW + leftMs }),
        ...changes,
      }),
      offered,
      NOW,
    )

  it('is the cheap one while another full attempt fits before the deadline, the fast one when an attempt may not fit', () => {
    expect(ask(undefined)).toBeUndefined()
    expect(ask(60 * MINUTE_MS)).toBe('flex')
    expect(ask(9 * MINUTE_MS)).toBe('flex')
    expect(ask(9 * MINUTE_MS - 1)).toBeUndefined()
    expect(ask(4 * MINUTE_MS)).toBeUndefined()
    expect(ask(4 * MINUTE_MS - 1)).toBe('priority')
    expect(ask(0)).toBeUndefined()
    expect(ask(-60 * MINUTE_MS)).toBeUndefined()
  })

  it('is the standard one for every retry, for a last attempt, and where no other is offered', () => {
    expect(ask(60 * MINUTE_MS, { attempt: 2 })).toBeUndefined()
    expect(ask(60 * MINUTE_MS, { maxAttempts: 1 })).toBeUndefined()
    expect(ask(60 * MINUTE_MS, {}, [])).toBeUndefined()
    expect(ask(MINUTE_MS, { attempt: 2 })).toBe('priority')
  })

  it('is never the expensive one where the cost is limited: the reservation used the standard price', () => {
    expect(ask(MINUTE_MS, { maxCostMicroUsd: 1_000 })).toBeUndefined()
    expect(ask(MINUTE_MS, { held: { at: NOW, microUsd: 5 } })).toBeUndefined()
    expect(ask(MINUTE_MS, { held: { at: NOW } })).toBe('priority')
    expect(ask(60 * MINUTE_MS, { maxCostMicroUsd: 1_000 })).toBe('flex')
  })
})

/** A task with a deadline, run to its end against a server with OpenAI's protocol. */
async function run(
  leftMs: number,
  answer: (body: Record<string, unknown>, nth: number) => { status?: number; body?: unknown; tier?: string },
  model = 'gpt-5-mini',
) {
  const server = await startRawServer()
  const bodies: Record<string, unknown>[] = []
  server.answer = (response, { body }) => {
    const asked = body as Record<string, unknown>
    bodies.push(asked)
    const { status = 200, body: refusal, tier } = answer(asked, bodies.length)
    response.writeHead(status, { 'content-type': status === 200 ? 'text/event-stream' : 'application/json' })
    response.end(
      status === 200
        ? sse(
            { choices: [{ index: 0, delta: { content: 'whole' }, finish_reason: 'stop' }] },
            {
              choices: [],
              usage: { prompt_tokens: 1_000_000, completion_tokens: 100_000 },
              ...(tier ? { service_tier: tier } : {}),
            },
          )
        : JSON.stringify(refusal),
    )
  }
  const world = makeWorld((async ({ model: client }: TaskContext<unknown>) =>
    client.complete({ prompt: 'hi', model })) as never)
  const real = createOpenaiProvider({ name: 'openai', key: 'a-key', baseUrl: server.url }, world.clock.now)
  const provider: ModelProvider = {
    ...real,
    generate: async (...args) => {
      world.clock.underway += 1
      return real.generate(...args).finally(() => {
        world.clock.underway -= 1
      })
    },
  }
  const circuits = new MemoryCircuits()
  const gate = new ProviderGate({ circuits, clock: world.clock, log: () => undefined })
  const worker = {
    ...world.worker,
    gate,
    priceOf: costMicroUsd,
    providers: { forModel: async () => provider },
  }
  const { task } = await submitTask(world, {
    ...SUBMISSION,
    deadlineAt: world.clock.now() + leftMs,
    idempotencyKey: 'key',
  })
  for (let round = 0; round < 6; round += 1) {
    pollLane(world, { worker })
    await world.clock.advance(70_000)
  }
  await server.stop()
  return {
    ended: await world.store.get(task),
    tiers: bodies.map((body) => body.service_tier),
    circuits: circuits.circuits.size,
  }
}

describe('a task with a deadline', () => {
  it('that is far away pays half, and reports its savings', async () => {
    const { ended, tiers } = await run(60 * MINUTE_MS, () => ({ tier: 'flex' }))
    expect(tiers).toEqual(['flex'])
    expect(ended).toMatchObject({
      status: 'COMPLETED',
      usage: { costMicroUsd: 225_000, savedMicroUsd: 225_000 },
    })
  })

  it('that is served in the standard tier instead pays the standard price and saves nothing', async () => {
    const { ended } = await run(60 * MINUTE_MS, () => ({ tier: 'default' }))
    expect(ended?.usage).toMatchObject({ costMicroUsd: 450_000 })
    expect(ended?.usage?.savedMicroUsd).toBeUndefined()
  })

  it('is retried in the standard tier when the cheap one has no capacity, and does not open the circuit', async () => {
    const body = { error: { message: 'Resource Unavailable', code: 'resource_unavailable', type: null } }
    const { ended, tiers, circuits } = await run(60 * MINUTE_MS, ({ service_tier }) =>
      service_tier === 'flex' ? { status: 429, body } : {},
    )
    expect(tiers).toEqual(['flex', undefined])
    expect(ended).toMatchObject({ status: 'COMPLETED', attempt: 2 })
    expect(circuits).toBe(0)
    // The same error in the standard tier counts for the circuit.
    const refused = await run(60 * MINUTE_MS, () => ({ status: 429, body }), 'gpt-4o')
    expect([refused.ended?.status, refused.circuits]).toEqual(['FAILED', 1])
  })

  it('that is near uses the fast tier, and saves nothing', async () => {
    const { ended, tiers } = await run(MINUTE_MS, () => ({ tier: 'priority' }))
    expect(tiers).toEqual(['priority'])
    expect(ended?.usage).toMatchObject({ costMicroUsd: 450_000 + 360_000 })
    expect(ended?.usage?.savedMicroUsd).toBeUndefined()
  })

  it('requests no tier for a model that has none in the price list', async () => {
    const { tiers } = await run(60 * MINUTE_MS, () => ({}), 'gpt-4o')
    expect(tiers).toEqual([undefined])
  })

  it('detects a gateway without tiers by one extra call, and remembers it', async () => {
    const refusal = {
      error: { message: "Flex is not available for this model. service_tier: 'flex'", code: null },
    }
    const { ended, tiers } = await run(60 * MINUTE_MS, ({ service_tier }) =>
      service_tier ? { status: 400, body: refusal } : {},
    )
    expect([ended?.status, ended?.attempt, tiers]).toEqual(['COMPLETED', 1, ['flex', undefined]])
  })
})
