import { describe, expect, it } from 'vitest'
import { ProviderGate } from '../../functions/core/application/run/guard-provider.ts'
import { admit, afterFailure, type Circuit } from '../../functions/core/domain/circuit.ts'
import { ProviderError } from '../../functions/core/domain/errors.ts'
import { failedStatus } from '../../functions/core/domain/provider-failure.ts'
import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { ManualClock } from '../fixtures/world.ts'

const START = 1_800_000_000_000

const failures = (times: readonly number[], retryAfterMs?: number): Circuit | undefined =>
  times.reduce<Circuit | undefined>(
    (circuit, at) => afterFailure(circuit, 'provider_unavailable', retryAfterMs, START + at),
    undefined,
  )

describe('a circuit', () => {
  it('opens for 15 s at the fifth failure in a row', () => {
    expect(admit(failures([0, 500, 1_000, 1_500]), START + 1_600)).toEqual({ kind: 'pass' })
    expect(admit(failures([0, 500, 1_000, 1_500, 2_000]), START + 2_100)).toEqual({
      kind: 'refuse',
      until: START + 17_000,
    })
  })

  it('stays closed when a whole batch meets one hiccup, and when failures are minutes apart', () => {
    expect(admit(failures([0, 1, 2, 3, 4, 5, 6, 7]), START + 10)).toEqual({ kind: 'pass' })
    expect(admit(failures([0, 61_000, 122_000, 183_000, 244_000, 305_000]), START + 305_001)).toEqual({
      kind: 'pass',
    })
  })

  it('waits as long as the provider asks, when that is longer', () => {
    expect(admit(failures([0, 500, 1_000, 1_500, 2_000], 120_000), START + 3_000)).toEqual({
      kind: 'refuse',
      until: START + 122_000,
    })
    expect(admit(failures([0, 500, 1_000, 1_500, 2_000], 100), START + 3_000)).toEqual({
      kind: 'refuse',
      until: START + 17_000,
    })
  })

  it('half open, lets one call probe; its failure opens twice as long, up to 5 min', () => {
    let circuit = failures([0, 500, 1_000, 1_500, 2_000])
    const lengths: number[] = []
    for (let round = 0; round < 7; round += 1) {
      const until = circuit?.until ?? 0
      const probe = admit(circuit, until)
      if (probe.kind !== 'probe') throw new Error(probe.kind)
      expect(admit(probe.circuit, until + 1)).toEqual({ kind: 'refuse', until: until + 10_001 })
      // The probe said nothing: somebody else may try.
      expect(admit(probe.circuit, until + 60_000).kind).toBe('probe')
      circuit = afterFailure(probe.circuit, 'provider_rate_limited', undefined, until + 1_000)
      lengths.push((circuit.until ?? 0) - until - 1_000)
    }
    expect(lengths).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000])
  })
})

describe('the gate of an execution environment', () => {
  const open = () => {
    const clock = new ManualClock(START)
    const circuits = new MemoryCircuits()
    const events: string[] = []
    const log = (event: string) => void events.push(event)
    const gate = () => new ProviderGate({ circuits, clock, log })
    return { clock, circuits, events, gate }
  }
  const down = (status = 503, retryAfter?: string) =>
    failedStatus({
      provider: 'openai',
      status,
      message: 'no',
      now: START,
      ...(retryAfter ? { retryAfter } : {}),
    })

  it('what one environment learned keeps the others away, and a probe brings all back', async () => {
    const { clock, gate, events } = open()
    const [one, two] = [gate(), gate()]
    for (let n = 0; n < 5; n += 1) {
      await one.enter('openai')
      await one.failed('openai', down())
      await clock.advance(300)
    }
    await expect(two.enter('openai')).rejects.toMatchObject({ code: 'circuit_open', retry: 'uncounted' })
    await two.enter('anthropic')
    await clock.advance(14_700)
    // Both come at once: one is the probe, the other is told to wait.
    const answers = await Promise.allSettled([one.enter('openai'), two.enter('openai')])
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const probe = answers[0]?.status === 'fulfilled' ? one : two
    await probe.succeeded('openai')
    await clock.advance(5_000)
    await one.enter('openai')
    await two.enter('openai')
    expect(events).toEqual(['circuit.opened', 'circuit.closed'])
  })

  it('a provider that answers others opens nothing, however many calls it fails', async () => {
    const { clock, circuits, gate } = open()
    const one = gate()
    for (let n = 0; n < 20; n += 1) {
      await one.succeeded('openai')
      await one.failed('openai', down())
      await clock.advance(1_000)
    }
    expect(circuits.circuits.size).toBe(0)
  })

  it('a refusal of one request says nothing about the provider', async () => {
    const { clock, circuits, gate } = open()
    const one = gate()
    for (let n = 0; n < 20; n += 1) {
      await one.failed('openai', down(400))
      await one.failed('openai', down(401))
      await one.failed('openai', new Error('a bug'))
      await clock.advance(1_000)
    }
    expect(circuits.circuits.size).toBe(0)
  })

  it('without an answer of the table there is no breaker, and no failure either', async () => {
    const { clock } = open()
    const broken = {
      readAll: () => Promise.reject(new Error('down')),
      replace: () => Promise.reject(new Error('down')),
    }
    const gate = new ProviderGate({ circuits: broken, clock, log: () => undefined })
    for (let n = 0; n < 10; n += 1) {
      await gate.enter('openai')
      await gate.failed('openai', down())
      await gate.succeeded('openai')
      await clock.advance(300)
    }
  })

  it('tells how long to wait', async () => {
    const { clock, gate } = open()
    const one = gate()
    for (let n = 0; n < 6; n += 1) {
      await one.failed('openai', down(429, '90'))
      await clock.advance(300)
    }
    const refusal = await one.enter('openai').catch((error) => error)
    expect(refusal).toBeInstanceOf(ProviderError)
    expect(refusal.retryAfterMs).toBe(90_000 - 300)
    expect(refusal.message).toBe('openai keeps failing; its calls are paused for 90 s.')
  })
})
