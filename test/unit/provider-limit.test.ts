import { describe, expect, it } from 'vitest'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { ProviderLimiter } from '../../functions/core/application/run/limit-provider.ts'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { ProviderError, UnavailableError } from '../../functions/core/domain/errors.ts'
import type { ModelWait } from '../../functions/core/domain/model-wait.ts'
import {
  nearLimit,
  type ProviderLimit,
  ProviderLimitError,
  readLimits,
} from '../../functions/core/domain/provider-limit.ts'
import { decideRetry } from '../../functions/core/domain/retry.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import { MemoryRates } from '../fixtures/memory-rates.ts'
import type { MemoryStore } from '../fixtures/memory-store.ts'
import { ManualClock, makeWorld, pollLane, SUBMISSION } from '../fixtures/world.ts'

const NOW = 1_800_000_000_000
const CIRCUIT = 'openai:gpt-4o'
const MINUTE = 60_000

describe('the headers of an answer', () => {
  it('contain the limits of OpenAI and compatible providers, per minute or per day', () => {
    const told = readLimits(
      {
        'x-ratelimit-limit-requests': '500',
        'x-ratelimit-remaining-requests': '499',
        'x-ratelimit-reset-requests': '120ms',
        'x-ratelimit-limit-tokens': '30000',
        'x-ratelimit-remaining-tokens': '3000',
        'x-ratelimit-reset-tokens': '54s',
      },
      NOW,
    )
    expect(told).toEqual({
      requests: { perMinute: 500, remaining: 499, left: 0.998 },
      tokens: { perMinute: 30_000, remaining: 3_000, left: 0.1 },
    })
    expect(told && nearLimit(told)).toEqual({ requestsPerMinute: 250, tokensPerMinute: 15_000 })
    // 200 a day: one used is back in 7 minutes and 12 seconds.
    const daily = readLimits(
      {
        'x-ratelimit-limit-requests': '200',
        'x-ratelimit-remaining-requests': '199',
        'x-ratelimit-reset-requests': '7m12s',
      },
      NOW,
    )
    expect(daily?.requests?.perMinute).toBeCloseTo(200 / 1_440, 6)
    expect(daily && nearLimit(daily)).toBeUndefined()
  })

  it('contain several limits of Anthropic, of which the tightest is used', () => {
    const reset = new Date(NOW + 30_000).toISOString()
    expect(
      readLimits(
        {
          'anthropic-ratelimit-requests-limit': '50',
          'anthropic-ratelimit-requests-remaining': '49',
          'anthropic-ratelimit-requests-reset': new Date(NOW + 1_200).toISOString(),
          'anthropic-ratelimit-input-tokens-limit': '40000',
          'anthropic-ratelimit-input-tokens-remaining': '39000',
          'anthropic-ratelimit-input-tokens-reset': reset,
          'anthropic-ratelimit-output-tokens-limit': '8000',
          'anthropic-ratelimit-output-tokens-remaining': '4000',
          'anthropic-ratelimit-output-tokens-reset': reset,
        },
        NOW,
      ),
    ).toEqual({
      requests: { perMinute: 50, remaining: 49, left: 0.98 },
      tokens: { perMinute: 8_000, remaining: 4_000, left: 0.5 },
    })
  })

  it.each([
    [{}],
    [{ 'x-ratelimit-limit-requests': '500' }],
    [{ 'x-ratelimit-limit-requests': '0', 'x-ratelimit-remaining-requests': '0' }],
    [{ 'x-ratelimit-limit-requests': '-5', 'x-ratelimit-remaining-requests': '1' }],
    [{ 'x-ratelimit-limit-requests': 'NaN', 'x-ratelimit-remaining-requests': 'Infinity' }],
    [{ 'x-ratelimit-limit': '500', 'x-ratelimit-remaining': '1' }],
  ])('without usable values, %o, contain no limit', (headers) => {
    expect(readLimits(headers, NOW)).toBeUndefined()
  })

  it('with an invalid reset time are read as limits of a minute', () => {
    for (const reset of ['soon', '-3s', '', '1e9', '99999999999999999999'])
      expect(
        readLimits(
          {
            'x-ratelimit-limit-requests': '60',
            'x-ratelimit-remaining-requests': '0',
            'x-ratelimit-reset-requests': reset,
          },
          NOW,
        )?.requests?.perMinute,
      ).toBe(60)
  })
})

it('a planned call uses up no attempt, however long its limit makes it wait', () => {
  const error = new ProviderLimitError('openai', { circuit: CIRCUIT, since: NOW - 5 * 3_600_000 }, 42_000)
  const task = { attempt: 4, maxAttempts: 4, parkedSince: NOW - 5 * 3_600_000, uncounted: 9 }
  expect(
    decideRetry(error, { task, policy: { baseMs: 2_000, capMs: 60_000 }, now: NOW, random: 0.5 }),
  ).toMatchObject({
    outcome: 'retry',
    isCounted: false,
    wait: { until: NOW + 42_000, by: 'message' },
  })
})

describe('a provider that reports wrong numbers', () => {
  const HOUR = 60 * MINUTE
  const call = {
    provider: 'openai',
    circuit: CIRCUIT,
    tenant: 't',
    planned: undefined,
    tokens: 1_000,
    isPaid: false,
    hasOtherModel: false,
    signal: new AbortController().signal,
  }
  const openOne = (limits: Record<string, ProviderLimit> = {}) => {
    const clock = { now: () => NOW, random: () => 0.5, sleep: async () => undefined }
    const rates = new MemoryRates()
    const limiter = new ProviderLimiter({ rates, limits, learns: true, clock, log: () => undefined })
    return { limiter, planned: () => rates.rates.get(CIRCUIT)?.planned ?? 0 }
  }

  // The clock of a model is shared and stored: without this bound, one such answer delays the calls of all tasks.
  it.each([
    ['1', '0', '99999h'],
    ['10', '4', '99999h'],
    ['0.000001', '0', '9d'],
    ['999999999999999', '1', '9999999999d'],
  ])('delays no call by over a minute: of %s requests %s left, reset in %s', async (most, left, reset) => {
    const { limiter, planned } = openOne()
    await limiter.noteHeaders(CIRCUIT, {
      'x-ratelimit-limit-requests': most,
      'x-ratelimit-remaining-requests': left,
      'x-ratelimit-reset-requests': reset,
    })
    const first = planned()
    expect(first).toBeLessThanOrEqual(NOW + MINUTE)
    await limiter.enter(call).catch((error) => expect(error).toBeInstanceOf(ProviderLimitError))
    expect(planned()).toBeLessThanOrEqual(Math.max(NOW, first) + MINUTE)
  })

  it('delays other tasks by at most a minute when a refused call must wait for a day', async () => {
    const { limiter, planned } = openOne({ 'openai:*': { requestsPerMinute: 60 } })
    const retryAfterMs = 24 * HOUR
    const error = new ProviderError('provider_rate_limited', 'no', 'counted', 'openai', { retryAfterMs })
    const waits = await limiter.refused({ circuit: CIRCUIT, provider: 'openai', planned: undefined }, error)
    expect(waits?.retryAfterMs).toBe(HOUR)
    expect(planned()).toBe(NOW + MINUTE)
  })

  it('delays no call by over an hour when a call reports twenty million tokens', async () => {
    const { limiter, planned } = openOne({ 'openai:*': { tokensPerMinute: 30_000 } })
    for (let index = 0; index < 5; index += 1) limiter.used(CIRCUIT, 1_000, 20_000_000)
    await limiter.enter(call).catch((error) => expect(error).toBeInstanceOf(ProviderLimitError))
    expect(planned()).toBeLessThanOrEqual(NOW + HOUR)
  })
})

/** Many worker environments that make calls, and a provider that counts them. */
function open(limit: ProviderLimit, environments = 20) {
  const clock = new ManualClock(NOW)
  let seed = 1
  clock.random = () => {
    seed = (seed * 16_807) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const rates = new MemoryRates()
  const limiters = Array.from(
    { length: environments },
    () =>
      new ProviderLimiter({
        rates,
        limits: { 'openai:*': limit },
        learns: false,
        clock,
        log: () => undefined,
      }),
  )
  const calls: { at: number; tokens: number; tenant: string }[] = []
  let asked = 0
  const run = async (tenant: string, tokens: number) => {
    let planned: ModelWait | undefined
    for (;;) {
      asked += 1
      const limiter = limiters[asked % environments] as ProviderLimiter
      try {
        await limiter.enter({
          provider: 'openai',
          circuit: CIRCUIT,
          tenant,
          planned,
          tokens,
          isPaid: false,
          hasOtherModel: false,
          signal: new AbortController().signal,
        })
        calls.push({ at: clock.now(), tokens, tenant })
        return clock.now()
      } catch (error) {
        if (!(error instanceof ProviderLimitError)) throw error
        planned = error.wait
        await clock.sleep(Math.ceil((error.retryAfterMs ?? 0) / 1_000) * 1_000)
      }
    }
  }
  const maxPerMinute = (of: (call: { tokens: number }) => number) => {
    let most = 0
    for (const { at } of calls) {
      const window = calls.filter((call) => call.at >= at && call.at < at + MINUTE)
      most = Math.max(
        most,
        window.reduce((sum, call) => sum + of(call), 0),
      )
    }
    return most
  }
  return { clock, rates, run, calls, maxPerMinute, asked: () => asked }
}

describe('calls of many workers', () => {
  it('stay within the requests per minute, in any minute, and use nine tenths of them', async () => {
    const { clock, run, calls, maxPerMinute } = open({ requestsPerMinute: 120 })
    const all = Array.from({ length: 1_200 }, () => run('acme', 10))
    await clock.advance(8 * MINUTE)
    expect(maxPerMinute(() => 1)).toBeLessThanOrEqual(120)
    expect(calls.length / 8).toBeGreaterThan(0.9 * 120)
    await clock.advance(40 * MINUTE)
    await Promise.all(all)
    expect(calls).toHaveLength(1_200)
  })

  it('stay within a few requests per minute, too', async () => {
    for (const requestsPerMinute of [1, 3, 10]) {
      const { clock, run, calls, maxPerMinute } = open({ requestsPerMinute })
      for (let index = 0; index < 60; index += 1) void run('acme', 10)
      await clock.advance(5 * MINUTE)
      expect(maxPerMinute(() => 1)).toBeLessThanOrEqual(requestsPerMinute)
      expect(calls.length).toBeGreaterThanOrEqual(Math.floor(4.5 * requestsPerMinute))
    }
  })

  it('stay within the tokens per minute', async () => {
    const { clock, run, calls, maxPerMinute } = open({ requestsPerMinute: 1_000, tokensPerMinute: 30_000 })
    for (let index = 0; index < 400; index += 1) void run('acme', 200 + ((index * 137) % 1_300))
    await clock.advance(6 * MINUTE)
    expect(maxPerMinute(({ tokens }) => tokens)).toBeLessThanOrEqual(30_000)
    const used = calls.reduce((sum, { tokens }) => sum + tokens, 0)
    expect(used / 6).toBeGreaterThan(0.85 * 30_000)
  })

  it('of a quiet tenant start within two minutes, behind a backlog of half an hour', async () => {
    const { clock, run } = open({ requestsPerMinute: 20 })
    for (let index = 0; index < 600; index += 1) void run('noisy', 10)
    await clock.advance(3 * MINUTE)
    const begun = clock.now()
    const quiet = run('quiet', 10)
    await clock.advance(3 * MINUTE)
    expect((await quiet) - begun).toBeLessThanOrEqual(2 * MINUTE + 3_000)
  })

  it('that wait cause few writes: one for a call, about three in a backlog of ten minutes', async () => {
    const { clock, run, rates, calls } = open({ requestsPerMinute: 60 })
    for (let index = 0; index < 50; index += 1) void run('acme', 10)
    await clock.advance(MINUTE)
    expect([calls.length, rates.writes]).toEqual([50, 50])
    for (let index = 0; index < 600; index += 1) void run('acme', 10)
    await clock.advance(25 * MINUTE)
    expect(calls.length).toBe(650)
    expect(rates.writes / calls.length).toBeLessThan(6)
  })
})

describe('a worker whose provider has a limit', () => {
  /** Counts in a sliding minute, the strictest way, and answers 429 above the limit. */
  function openWorld(limit: number, more: { readonly limits?: boolean; readonly tells?: boolean } = {}) {
    const world = makeWorld(async ({ model }: { model: { complete(call: object): Promise<string> } }) =>
      model.complete({ prompt: 'x', maxTokens: 100 }),
    )
    const { clock } = world
    const made: number[] = []
    let refused = 0
    const provider: ModelProvider = {
      name: 'openai',
      generate: async (_request, { onHeaders }) => {
        const now = clock.now()
        const remaining = limit - made.filter((at) => at > now - MINUTE).length
        if (more.tells)
          onHeaders?.({
            'x-ratelimit-limit-requests': String(limit),
            'x-ratelimit-remaining-requests': String(Math.max(0, remaining - 1)),
          })
        if (remaining <= 0) {
          refused += 1
          throw new ProviderError(
            'provider_rate_limited',
            'openai answered 429: slow down',
            'counted',
            'openai',
            {
              retryAfterMs: 5_000,
            },
          )
        }
        made.push(now)
        const usage = { inputTokens: 1, outputTokens: 2, cachedTokens: null, reasoningTokens: null }
        return { text: 'answer', usage, finishReason: 'stop' }
      },
    }
    const rates = new MemoryRates()
    const limits = more.limits === false ? {} : { [CIRCUIT]: { requestsPerMinute: limit } }
    const workers = Array.from({ length: 5 }, () => ({
      ...world.worker,
      providers: { forModel: async () => provider },
      limiter: new ProviderLimiter({ rates, limits, learns: true, clock, log: world.log }),
    }))
    const submit = async (count: number) => {
      for (let index = 0; index < count; index += 1)
        await submitTask(world, { ...SUBMISSION, model: 'gpt-4o' })
    }
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        for (const worker of workers) void pollLane(world, { worker }).batch
        if (second % 10 === 0) await sweep(world as never, clock.now() + 60_000)
        await clock.advance(1_000)
      }
    }
    const rows = () => [...(world.store as MemoryStore).rows.values()] as Task[]
    return { world, rates, submit, pass, rows, made, refused: () => refused }
  }

  it('parks the tasks above it: all complete in their first attempt, and the provider refuses none', async () => {
    const { submit, pass, rows, refused, made, world } = openWorld(30)
    await submit(100)
    await pass(60)
    const waiting = rows().find(({ status }) => status === 'RETRYING')
    expect(waiting).toMatchObject({
      attempt: 0,
      error: { code: 'provider_limit' },
      modelWait: { circuit: CIRCUIT },
    })
    expect(waiting?.parkedSince).toBeUndefined()
    await pass(600)
    expect(rows().map(({ status, attempt }) => [status, attempt])).toEqual(rows().map(() => ['COMPLETED', 1]))
    expect([refused(), made.length]).toEqual([0, 100])
    expect(world.events.some(({ event }) => event === 'task.retrying')).toBe(false)
  })

  it('learns the limit from the headers, plans calls only near it, and has none refused', async () => {
    const { submit, pass, rows, refused, rates } = openWorld(100, { limits: false, tells: true })
    await submit(40)
    await pass(30)
    expect([rows().filter(({ status }) => status === 'COMPLETED').length, rates.writes]).toEqual([40, 0])
    await pass(60)
    await submit(150)
    await pass(300)
    expect(rows().map(({ status, attempt }) => [status, attempt])).toEqual(rows().map(() => ['COMPLETED', 1]))
    expect(rates.writes).toBeGreaterThan(0)
    // Calls that were in progress when the limit came near.
    expect(refused()).toBeLessThanOrEqual(20)
  })

  it('that refuses every call waits for an hour, then uses up the attempts', async () => {
    const clock = new ManualClock(NOW)
    const rates = new MemoryRates()
    const limits = { 'openai:*': { requestsPerMinute: 60 } }
    const limiter = new ProviderLimiter({ rates, limits, learns: true, clock, log: () => undefined })
    const error = new ProviderError('provider_rate_limited', 'no', 'counted', 'openai', {
      retryAfterMs: 7_000,
    })
    const refused = (since: number) =>
      limiter.refused({ circuit: CIRCUIT, provider: 'openai', planned: { circuit: CIRCUIT, since } }, error)
    const waits = await refused(NOW - 59 * MINUTE)
    expect(waits).toMatchObject({
      code: 'provider_limit',
      retry: 'uncounted',
      wait: { since: NOW - 59 * MINUTE },
    })
    expect(waits?.retryAfterMs).toBeGreaterThanOrEqual(7_000)
    expect(rates.rates.get(CIRCUIT)?.planned).toBe(NOW + 7_000)
    expect(await refused(NOW - 61 * MINUTE)).toBeUndefined()
    const other = new ProviderError('provider_unavailable', 'no', 'counted', 'openai')
    expect(
      await limiter.refused({ circuit: CIRCUIT, provider: 'openai', planned: undefined }, other),
    ).toBeUndefined()
  })

  it('writes nothing and delays nothing where no limit is set or reported', async () => {
    const { submit, pass, rows, rates } = openWorld(1_000, { limits: false })
    await submit(50)
    await pass(10)
    expect(rows().map(({ status }) => status)).toEqual(rows().map(() => 'COMPLETED'))
    expect(rates.writes).toBe(0)
  })

  it('continues when the store of the limits does not answer', async () => {
    const { submit, pass, rows, rates } = openWorld(1_000)
    rates.take = () => Promise.reject(new UnavailableError('no'))
    await submit(10)
    await pass(5)
    expect(rows().map(({ status }) => status)).toEqual(rows().map(() => 'COMPLETED'))
  })
})
