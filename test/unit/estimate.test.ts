import { describe, expect, it } from 'vitest'
import { submitTask } from '../../functions/core/application/submit/submit-task.ts'
import { openEstimates } from '../../functions/core/application/tasks/estimate-wait.ts'
import { afterFailure, type Circuit } from '../../functions/core/domain/circuit.ts'
import { UnavailableError } from '../../functions/core/domain/errors.ts'
import {
  type Band,
  estimate,
  kindOf,
  type LaneMoment,
  type RecentRun,
} from '../../functions/core/domain/estimate.ts'
import { type ClaimWatermark, shouldRecordWatermark } from '../../functions/core/domain/overdue.ts'
import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { makeWorld, pollLane, SUBMISSION, type World } from '../fixtures/world.ts'

const DAY_MS = 86_400_000
const SLOTS = 10
/** The maximum age of a queue's count when it is read. */
const COUNT_LAG_MS = 15_000
/** The number of recent runs that the workers of a lane store. */
const RUNS = 128
const MAX_LIFE_MS = 4 * 3_600_000
/** How long the API caches a lane's data, in milliseconds. */
const MOMENT_MS = 5_000
const TYPES = ['text.generate', 'document.process'] as const

interface SimulatedTask {
  readonly status: 'PENDING'
  readonly type: string
  readonly model: string
  readonly queuedAt: number
  readonly claimableFrom: number
  readonly ms: number
  startedAt: number
  readonly told: { readonly start: Band; readonly finish: Band | undefined; readonly hasWaited: boolean }[]
}

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * A day of one lane: a quiet night, two busy hours, and bursts of some hundred tasks now and then. Durations are log-normal,
 * of two kinds. Each caller gets an estimate when it submits, and another one while it waits.
 */
function simulateDay(seed: number): readonly SimulatedTask[] {
  const random = seeded(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const tasks: SimulatedTask[] = []
  const submit = (at: number) => {
    const isLong = random() < 0.2
    const ms = 1_000 * Math.exp(Math.log(isLong ? 40 : 8) + 0.6 * normal())
    tasks.push({
      ...{
        status: 'PENDING',
        type: TYPES[isLong ? 1 : 0],
        model: 'gpt-4o',
        queuedAt: at,
        claimableFrom: at,
        ms,
      },
      ...{ startedAt: 0, told: [] },
    })
  }
  const hour = (at: number) => at / 3_600_000
  const load = (at: number) => 0.05 + 0.95 * Math.max(0, Math.sin(((hour(at) - 6) / 12) * Math.PI)) ** 2
  const capacity = SLOTS / 17_000
  for (let at = 0; at < DAY_MS; at += -Math.log(1 - random()) / (capacity * load(at))) submit(at)
  for (let at = 0; at < DAY_MS; at += (0.5 + random()) * 3_600_000)
    for (let count = 30 + random() * 100; count > 0; count -= 1) submit(at + random() * 20_000)
  tasks.sort((left, right) => left.queuedAt - right.queuedAt)

  // First in, first out, to the first free slot.
  const free: number[] = Array.from({ length: SLOTS }, () => 0)
  for (const task of tasks) {
    free.sort((left, right) => left - right)
    task.startedAt = Math.max(task.queuedAt + 30, free[0] ?? 0)
    free[0] = task.startedAt + task.ms
  }
  tell(tasks, random)
  return tasks
}

/** Makes an estimate for every caller, with data as old as the real data. */
function tell(tasks: readonly SimulatedTask[], random: () => number): void {
  const byEnd = [...tasks].sort((left, right) => endOf(left) - endOf(right))
  const known = new Map<number, LaneMoment>()
  for (const task of tasks) {
    const waitMs = task.startedAt - task.queuedAt
    const asks = waitMs > 5_000 ? [task.queuedAt, task.queuedAt + random() * waitMs] : [task.queuedAt]
    for (const at of asks) {
      const asOf = Math.floor(at / MOMENT_MS) * MOMENT_MS
      const moment = known.get(asOf) ?? momentAt(tasks, byEnd, asOf, random)
      known.set(asOf, moment)
      const { start, finish } = estimate(task, moment, at)
      if (start) task.told.push({ start, finish, hasWaited: at > task.queuedAt })
    }
  }
}

function momentAt(
  tasks: readonly SimulatedTask[],
  byEnd: readonly SimulatedTask[],
  at: number,
  random: () => number,
): LaneMoment {
  const countedAt = at - random() * COUNT_LAG_MS
  const last = firstFrom(byEnd, endOf, at - random() * 60_000)
  const runs: RecentRun[] = byEnd
    .slice(Math.max(0, last - RUNS), last)
    .map((task) => ({ kind: kindOf(task), ms: task.ms, costMicroUsd: null }))
  const near = tasks.slice(
    firstFrom(tasks, ({ queuedAt }) => queuedAt, at - MAX_LIFE_MS),
    firstFrom(tasks, ({ queuedAt }) => queuedAt, at),
  )
  const there = near.filter(({ queuedAt }) => queuedAt <= countedAt)
  const waiting = there.filter(({ startedAt }) => startedAt > countedAt).length
  const running = there.filter((task) => task.startedAt <= countedAt && endOf(task) > countedAt).length
  return { waiting, running, isPaused: false, watermark: watermarkAt(near, at), runs }
}

const endOf = ({ startedAt, ms }: SimulatedTask): number => startedAt + ms

/** As the workers would have written it. */
function watermarkAt(tasks: readonly SimulatedTask[], at: number): ClaimWatermark | undefined {
  let mark: ClaimWatermark | undefined
  for (const { queuedAt, startedAt } of tasks)
    if (startedAt <= at && shouldRecordWatermark(queuedAt, mark?.recordedAt ?? 0, startedAt))
      mark = { tenant: 'acme', queuedAt, recordedAt: startedAt }
  return mark
}

/** Index of the first with this time or a later one. */
function firstFrom(
  tasks: readonly SimulatedTask[],
  timeOf: (task: SimulatedTask) => number,
  at: number,
): number {
  let low = 0
  let high = tasks.length
  while (low < high) {
    const middle = (low + high) >> 1
    const task = tasks[middle]
    if (task && timeOf(task) < at) low = middle + 1
    else high = middle
  }
  return low
}

const within = (band: Band | undefined, at: number): boolean =>
  band !== undefined && at >= band.earliest && at <= band.latest

describe('the estimated start of a waiting task', () => {
  it.each([3, 4, 5])(
    'eight of ten real starts and ends of a simulated day are between the two estimated times (seed %i)',
    (seed) => {
      const told = simulateDay(seed).flatMap((task) => task.told.map((answer) => ({ ...answer, task })))
      const share = (answers: typeof told, isRight: (answer: (typeof told)[number]) => boolean) =>
        answers.filter(isRight).length / answers.length
      const isStartRight = ({ start, task }: (typeof told)[number]) => within(start, task.startedAt)
      const waited = told.filter(({ task }) => task.startedAt - task.queuedAt > 5_000)
      // The estimate for a task that does not wait is easy.
      const asked = waited.filter(({ hasWaited }) => !hasWaited)
      const askedLater = waited.filter(({ hasWaited }) => hasWaited)
      expect(asked.length).toBeGreaterThan(5_000)
      expect(share(told, isStartRight)).toBeGreaterThan(0.8)
      expect(share(asked, isStartRight)).toBeGreaterThan(0.8)
      expect(share(askedLater, isStartRight)).toBeGreaterThan(0.8)
      expect(share(told, ({ finish, task }) => within(finish, endOf(task)))).toBeGreaterThan(0.8)
      // Two times far apart would always be right and say nothing.
      const widths = asked
        .map(({ start, task }) => (start.latest - start.earliest) / (task.startedAt - task.queuedAt))
        .sort((left, right) => left - right)
      expect(widths[widths.length >> 1]).toBeLessThan(1.5)
    },
    // Seconds of computing, and many on a machine that does other things as well.
    300_000,
  )

  const NOW = 1_800_000_000_000
  const TASK = {
    status: 'PENDING' as const,
    type: 'text.generate',
    model: 'gpt-4o',
    queuedAt: NOW,
    claimableFrom: NOW,
  }
  const run = (ms: number, costMicroUsd: number | null = null) => ({ kind: kindOf(TASK), ms, costMicroUsd })
  const IDLE: LaneMoment = { waiting: 0, running: 0, isPaused: false, watermark: undefined, runs: [] }

  it('is now in an idle lane, and its duration is then unknown', () => {
    const { position, start, finish, costMicroUsd } = estimate(TASK, IDLE, NOW)
    expect(position).toBe(0)
    expect(start?.earliest).toBe(NOW)
    expect(finish).toBeUndefined()
    expect(costMicroUsd).toBeUndefined()
  })

  it('is unknown in a paused lane', () => {
    const paused = { ...IDLE, isPaused: true, waiting: 7, runs: [run(1_000, 12)] }
    const told = estimate(TASK, paused, NOW)
    expect(told).toEqual({
      gate: 'paused',
      position: 7,
      start: undefined,
      finish: undefined,
      costMicroUsd: { low: 12, high: 12 },
    })
  })

  it('of a scheduled task is not before its time, and it has no position in the queue', () => {
    const later = { ...TASK, queuedAt: NOW + 60_000, claimableFrom: NOW + 60_000 }
    const { position, start, finish } = estimate(later, { ...IDLE, runs: [run(1_000)] }, NOW)
    expect(position).toBeUndefined()
    expect(start?.earliest).toBe(NOW + 60_000)
    expect(finish?.earliest).toBe(NOW + 61_000)
  })

  it.each([
    ['key', 'customer-7'],
    ['limit', undefined],
  ] as const)('is unknown for a task that waits for the end of another (%s)', (gate, concurrencyKey) => {
    // It is in the queue of the key or limit, and is checked again in a minute.
    const inLine = { ...TASK, claimableFrom: NOW + 60_000, sends: 0, turnWaits: 1 }
    const moment = { ...IDLE, runs: [run(1_000, 12)] }
    const told = estimate({ ...inLine, ...(concurrencyKey ? { concurrencyKey } : {}) }, moment, NOW)
    expect(told).toMatchObject({ gate, position: undefined, start: undefined, finish: undefined })
    const woken = estimate({ ...inLine, sends: 1, claimableFrom: NOW }, moment, NOW)
    expect(woken).toMatchObject({ gate: 'queue', start: { earliest: NOW } })
  })

  it('the older a task in a backlog, the fewer are before it', () => {
    const watermark = { tenant: 'acme', queuedAt: NOW - 100_000, recordedAt: NOW - 5_000 }
    const busy = { ...IDLE, waiting: 100, running: 10, watermark, runs: [run(10_000)] }
    const positionOf = (queuedAt: number) =>
      estimate({ ...TASK, queuedAt, claimableFrom: queuedAt }, busy, NOW).position
    expect([NOW, NOW - 25_000, NOW - 100_000, NOW - 150_000].map(positionOf)).toEqual([100, 75, 0, 0])
  })

  it('costs and durations of other models are not used for this one', () => {
    const runs = [{ ...run(1_000, 5), kind: 'text.generate gpt-4o-mini' }, run(2_000), run(4_000, 30)]
    const { finish, costMicroUsd } = estimate(TASK, { ...IDLE, runs }, NOW)
    expect(finish?.earliest).toBe(NOW + 2_000)
    expect(costMicroUsd).toEqual({ low: 30, high: 30 })
  })
})

describe('the lane data of an API function', () => {
  const open = (answer: () => Promise<{ visible: number; inFlight: number; delayed: number }>) => {
    const world = makeWorld()
    let calls = 0
    const depth = () => {
      calls += 1
      return answer()
    }
    const circuits = new MemoryCircuits()
    const circuitOf = (model: string) => `openai:${model}`
    const estimates = openEstimates({
      ...world,
      depths: { depth },
      watermarks: world.store,
      circuits,
      circuitOf,
    })
    return { world, estimates, circuits, calls: () => calls }
  }
  const depths = async () => ({ visible: 3, inFlight: 1, delayed: 0 })
  const waiting = async (world: World) => (await submitTask(world, SUBMISSION)).task

  it('is read once in five seconds, however many requests need it', async () => {
    const { world, estimates, calls } = open(depths)
    const task = await waiting(world)
    estimates.prepare(task)
    for (let n = 0; n < 10; n += 1) expect((await estimates.of(task))?.position).toBe(3)
    expect(calls()).toBe(1)
    await world.clock.advance(5_000)
    await estimates.of(task)
    expect(calls()).toBe(2)
  })

  it('is omitted when a queue does not answer, or not in time', async () => {
    const failing = open(() => Promise.reject(new UnavailableError('The queue did not answer.')))
    const asked = await waiting(failing.world)
    failing.estimates.prepare(asked)
    expect(await failing.estimates.of(asked)).toBeUndefined()
    const slow = open(() => new Promise(() => undefined))
    const told = slow.estimates.of(await waiting(slow.world))
    await slow.world.clock.advance(1_000)
    expect(await told).toBeUndefined()
  })

  it('gives an unknown start while the circuit of the model is open', async () => {
    const { world, estimates, circuits } = open(depths)
    const { task } = await submitTask(world, { ...SUBMISSION, model: 'gpt-4o' })
    const caller = { tenant: 'acme', hasFailed: false, isLast: false }
    const now = world.clock.now()
    let circuit: Circuit | undefined
    for (const [n, failed] of ['one', 'two', 'three'].entries())
      circuit = afterFailure(
        circuit,
        'provider_unavailable',
        { ...caller, task: failed },
        now - 4_000 + n * 2_000,
      )
    if (circuit) await circuits.replace('openai:gpt-4o', undefined, circuit)
    expect(await estimates.of(task)).toMatchObject({ gate: 'circuit', start: undefined, finish: undefined })
    // Calls of another model pass, and calls of another tenant while only one tenant's have failed.
    for (const other of [{ model: 'gpt-4o-mini' }, { model: 'gpt-4o', tenant: 'globex' }])
      expect(await estimates.of({ ...task, ...other })).toMatchObject({
        gate: 'queue',
        start: expect.anything(),
      })
    // Fifteen seconds later a call may probe whether it is back.
    await world.clock.advance(16_000)
    expect(await estimates.of(task)).toMatchObject({ gate: 'queue' })
  })

  it('is not read for a task that has started', async () => {
    const { world, estimates, calls } = open(depths)
    const task = await waiting(world)
    for (const status of ['PROCESSING', 'COMPLETED', 'CANCELLED'] as const)
      expect(await estimates.of({ ...task, status })).toBeUndefined()
    expect(calls()).toBe(0)
  })

  it('comes from the runs that workers store, at most once a minute each', async () => {
    const world = makeWorld(async (context) => {
      await (context as { sleep: (ms: number) => Promise<void> }).sleep(3_000)
    })
    const runOne = async () => {
      await waiting(world)
      const { batch } = pollLane(world)
      await world.clock.advance(3_000)
      await batch
    }
    await runOne()
    expect(await world.recentRuns.read('ai', world.clock.now())).toEqual([
      { kind: 'test.run ', ms: 3_000, costMicroUsd: null },
    ])
    await runOne()
    expect(await world.recentRuns.read('ai', world.clock.now())).toHaveLength(1)
    await world.clock.advance(60_000)
    await runOne()
    expect(await world.recentRuns.read('ai', world.clock.now())).toHaveLength(3)
  })
})
