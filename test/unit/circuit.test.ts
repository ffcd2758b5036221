import { describe, expect, it } from 'vitest'
import { closeCircuit, listCircuits } from '../../functions/core/application/operate/close-circuit.ts'
import { ProviderGate } from '../../functions/core/application/run/guard-provider.ts'
import {
  admitCall,
  afterFailure,
  type Caller,
  type Circuit,
  closedCircuit,
  waitAtCircuit,
} from '../../functions/core/domain/circuit.ts'
import { ProviderError } from '../../functions/core/domain/errors.ts'
import { failedStatus } from '../../functions/core/domain/provider-failure.ts'
import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { ManualClock } from '../fixtures/world.ts'

const START = 1_800_000_000_000
const caller = (task: string, more: Partial<Caller> = {}): Caller => ({
  task,
  tenant: 'acme',
  hasFailed: false,
  isLast: false,
  ...more,
})
const PASS = { kind: 'pass', limit: Infinity }
const NEW = caller('new')

/** One failure at each time, each of another task. */
const failures = (times: readonly number[], more: Partial<Caller> = {}) =>
  times.reduce<Circuit | undefined>(
    (circuit, at) => afterFailure(circuit, 'provider_unavailable', caller(`t-${at}`, more), START + at),
    undefined,
  )
const opened = () => failures([0, 500, 1_500])

describe('a circuit', () => {
  it('opens for a second at the third task that fails for its first time', () => {
    expect(admitCall(failures([0, 1_500]), NEW, START + 1_600)).toEqual(PASS)
    expect(admitCall(opened(), NEW, START + 1_600)).toEqual({ kind: 'refuse', until: START + 2_500 })
  })

  it('stays closed for one task, however often it fails, and opens at the eighth task that has failed before', () => {
    let one: Circuit | undefined
    for (let n = 0; n < 50; n += 1)
      one = afterFailure(one, 'provider_unreachable', caller('one', { hasFailed: n > 0 }), START + n * 1_000)
    expect(admitCall(one, NEW, START + 50_000)).toEqual(PASS)
    const times = [0, 1, 2, 3, 4, 5, 2_000]
    expect(admitCall(failures(times, { hasFailed: true }), NEW, START + 2_100)).toEqual(PASS)
    expect(admitCall(failures([...times, 2_050], { hasFailed: true }), NEW, START + 2_100).kind).toBe(
      'refuse',
    )
  })

  it('stays closed when one batch fails at the same moment, and when failures are minutes apart', () => {
    expect(admitCall(failures([0, 1, 2, 3, 4, 5, 6, 7]), NEW, START + 10)).toEqual(PASS)
    expect(admitCall(failures([0, 61_000, 122_000, 183_000, 244_000]), NEW, START + 244_001)).toEqual(PASS)
  })

  it('delays a task by at most five minutes at a time, so that closing it by hand takes effect', () => {
    const until = START + 3_600_000
    expect([0, 0.99].map((random) => waitAtCircuit(until, undefined, START, random))).toEqual([
      225_000, 299_250,
    ])
    expect(waitAtCircuit(until, START - 3_000_000, START, 0.99)).toBeLessThanOrEqual(300_000)
    expect(waitAtCircuit(START + 15_000, undefined, START, 0.5)).toBe(15_000)
    // At growing intervals from the second time on: a message above its maximum receive count becomes a dead letter.
    expect(waitAtCircuit(START + 1_000, START - 8_000, START, 1)).toBe(4_000)
  })

  it('half open, a task that has not failed probes every second for 30 s, then every 15 s; tasks that have failed, at growing intervals', () => {
    let circuit = opened()
    const laters: number[] = []
    const pauses: number[] = []
    let openedAt = START + 1_500
    for (let round = 0; round < 7; round += 1) {
      const until = round === 0 ? START + 31_000 : (circuit?.until ?? 0)
      const probe = admitCall(circuit, NEW, until)
      if (probe.kind !== 'probe') throw new Error(probe.kind)
      expect(admitCall(probe.circuit, NEW, until + 1)).toEqual({ kind: 'refuse', until: until + 3_001 })
      // The probe has reported no outcome: another task may probe.
      expect(admitCall(probe.circuit, NEW, until + 15_000).kind).toBe('probe')
      laters.push((circuit?.laterUntil ?? 0) - openedAt)
      pauses.push((circuit?.until ?? 0) - openedAt)
      openedAt = until + 1_000
      const failed = admitCall(circuit, caller('old', { hasFailed: true }), circuit?.laterUntil ?? 0)
      expect(failed.kind).toBe('probe')
      const last = caller('old', { hasFailed: true, isLast: true })
      expect(admitCall(circuit, last, circuit?.laterUntil ?? 0)).toEqual({
        kind: 'refuse',
        until: (circuit?.laterUntil ?? 0) + 300_000,
      })
      circuit = afterFailure(
        probe.circuit,
        'provider_rate_limited',
        caller('old', { hasFailed: true }),
        until + 1_000,
      )
    }
    expect(pauses).toEqual([1_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000])
    expect(laters).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000])
  })

  it('is also probed by tasks that have failed, where every new task fails its first call', () => {
    let circuit = opened()
    const laterUntil = circuit?.laterUntil ?? 0
    const seconds: number[] = []
    for (let n = 0; n < 36; n += 1) {
      const at = circuit?.until ?? 0
      if (admitCall(circuit, caller('old', { hasFailed: true }), at).kind === 'probe')
        seconds.push((at - laterUntil) / 1_000)
      circuit = afterFailure(circuit, 'provider_unavailable', caller(`new-${n}`), at)
    }
    expect(seconds).toEqual([14, 29, 44, 59, 74, 89, 104])
  })

  it('opened by one tenant’s tasks, refuses that tenant only; the failure of a second tenant opens it for all', () => {
    const one = opened()
    expect(admitCall(one, caller('x', { tenant: 'other' }), START + 2_000)).toEqual(PASS)
    const two = afterFailure(one, 'x', caller('x', { tenant: 'other' }), START + 2_100)
    expect(admitCall(two, caller('y', { tenant: 'third' }), START + 2_200).kind).toBe('refuse')
  })

  it('after a probe has closed it, the number of calls rises in steps', () => {
    const back = closedCircuit(opened(), START)
    const limits = [0, 2_000, 4_000, 6_000, 8_000, 10_000].map((ms) => admitCall(back, NEW, START + ms))
    expect(limits.map((admission) => (admission.kind === 'pass' ? admission.limit : 0))).toEqual([
      1,
      2,
      4,
      8,
      16,
      Infinity,
    ])
  })
})

describe('the circuit breaker of an execution environment', () => {
  const open = () => {
    const clock = new ManualClock(START)
    const circuits = new MemoryCircuits()
    const events: string[] = []
    const log = (event: string) => void events.push(event)
    const gate = () => new ProviderGate({ circuits, clock, log })
    return { clock, circuits, events, gate, log }
  }
  let tasks = 0
  const task = (id = `task-${++tasks}`) => ({
    id,
    tenant: 'acme',
    epoch: 1,
    attempt: 1,
    maxAttempts: 4,
    history: [],
  })
  const down = (status = 503) => failedStatus({ provider: 'openai', status, message: 'no', now: START })
  const breakIt = async (gate: ProviderGate, clock: ManualClock, error = down()) => {
    for (let n = 0; n < 5; n += 1) {
      await gate.failed('openai:m', error, task())
      await clock.advance(300)
    }
  }

  it('when one environment opens the circuit, the others make no call, and one probe closes it for all', async () => {
    const { clock, gate, events } = open()
    const [one, two] = [gate(), gate()]
    await breakIt(one, clock)
    await expect(two.enter('openai:m', task())).rejects.toMatchObject({
      code: 'circuit_open',
      retry: 'uncounted',
    })
    // Calls of another model of the same provider pass.
    await two.enter('openai:other', task())
    await clock.advance(15_000)
    // Two calls at once: one is the probe, the other must wait.
    const answers = await Promise.allSettled([one.enter('openai:m', task()), two.enter('openai:m', task())])
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const probe = answers[0]?.status === 'fulfilled' ? one : two
    await probe.succeeded('openai:m', task())
    probe.leave('openai:m')
    await clock.advance(5_000)
    await one.enter('openai:m', task())
    await two.enter('openai:m', task())
    expect(events).toEqual(['circuit.opened', 'circuit.closed'])
  })

  it('after a probe the number of calls rises: one, then two, then all', async () => {
    const { clock, gate } = open()
    const one = gate()
    await breakIt(one, clock)
    await clock.advance(16_000)
    await one.enter('openai:m', task())
    await one.succeeded('openai:m', task())
    one.leave('openai:m')
    const enter = async (count: number) => {
      const answers = await Promise.allSettled(
        Array.from({ length: count }, () => one.enter('openai:m', task())),
      )
      return answers.filter(({ status }) => status === 'fulfilled').length
    }
    expect(await enter(10)).toBe(1)
    await clock.advance(2_000)
    expect(await enter(10)).toBe(1)
    await clock.advance(8_000)
    expect(await enter(50)).toBe(50)
  })

  it('a provider that also answers calls does not open the circuit, however many it fails', async () => {
    const { clock, circuits, gate } = open()
    const one = gate()
    for (let n = 0; n < 20; n += 1) {
      await one.succeeded('openai:m', task())
      await one.failed('openai:m', down(), task())
      await clock.advance(1_000)
    }
    expect(circuits.circuits.size).toBe(0)
  })

  it('a failure does not count when its task has succeeded since, in whatever environment', async () => {
    const { clock, circuits, gate } = open()
    const [one, two] = [gate(), gate()]
    for (let n = 0; n < 10; n += 1) {
      const first = task()
      await two.enter('openai:m', task())
      await one.failed('openai:m', down(), first)
      await clock.advance(1_000)
      const failure = {
        epoch: 1,
        attempt: 1,
        startedAt: START,
        endedAt: START,
        outcome: 'provider_unavailable',
      }
      // Its cached circuits are older than that failure.
      await two.succeeded('openai:m', { ...first, attempt: 2, history: [failure] })
      await clock.advance(1_000)
    }
    expect(circuits.circuits.get('openai:m')).toMatchObject({ opens: 0, tasks: [] })
  })

  it('the refusal of one request does not count against the provider', async () => {
    const { clock, circuits, gate } = open()
    const one = gate()
    for (let n = 0; n < 20; n += 1) {
      await one.failed('openai:m', down(400), task())
      await one.failed('openai:m', down(401), task())
      await one.failed('openai:m', new Error('a bug'), task())
      await clock.advance(1_000)
    }
    expect(circuits.circuits.size).toBe(0)
  })

  it('arbitrary model names of callers do not fill the table', async () => {
    const { clock, circuits, gate } = open()
    const one = gate()
    for (let n = 0; n < 400; n += 1) {
      await one.failed(`openai:gpt-${n}`, down(), task())
      await clock.advance(100)
    }
    expect(circuits.circuits.size).toBeLessThanOrEqual(301)
  })

  it('when the table does not answer, calls pass as if there were no circuit', async () => {
    const { clock, log } = open()
    const broken = {
      readAll: () => Promise.reject(new Error('down')),
      read: () => Promise.reject(new Error('down')),
      replace: () => Promise.reject(new Error('down')),
    }
    const gate = new ProviderGate({ circuits: broken, clock, log })
    for (let n = 0; n < 10; n += 1) {
      await gate.enter('openai:m', task())
      await gate.failed('openai:m', down(), task())
      await gate.succeeded('openai:m', task())
      gate.leave('openai:m')
      await clock.advance(300)
    }
  })

  it('the error of an open circuit states how long to wait', async () => {
    const { clock, gate } = open()
    const one = gate()
    await breakIt(one, clock)
    const refusal = await one.enter('openai:m', task()).catch((error) => error)
    expect(refusal).toBeInstanceOf(ProviderError)
    expect(refusal.retryAfterMs).toBe(1_000 - 300)
    expect(refusal.message).toBe('openai:m keeps failing; its calls are paused for 1 s.')
  })

  it('an operator can close a circuit, and an unknown name is refused with the nearest one', async () => {
    const { clock, circuits, gate, log } = open()
    const one = gate()
    await breakIt(one, clock)
    expect(await listCircuits({ circuits })).toMatchObject([{ name: 'openai:m', opens: 1 }])
    await expect(closeCircuit({ circuits, clock, log }, 'openai:n')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('"openai:m"'),
    })
    await closeCircuit({ circuits, clock, log }, 'openai:m')
    expect(await listCircuits({ circuits })).toEqual([])
    await clock.advance(5_000)
    await one.enter('openai:m', task())
  })
})
