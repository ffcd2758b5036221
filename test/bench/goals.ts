/** The goals of the local run, each with the measured value: `npm run bench`, or `node test/bench/goals.ts` alone. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startModelServer } from '../fixtures/model-server.ts'
import { residentMb } from '../fixtures/resident.ts'
import { startProcess } from '../fixtures/running.ts'
import { Driver, median, quantile } from './driver.ts'

export interface GoalRow {
  readonly what: string
  readonly measured: string
  readonly goal: string
  readonly isMet: boolean
}

const ROUNDS = 3
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const rows: GoalRow[] = []
export function addGoal(what: string, unit: string, value: number, goal: number, isAtMost = true): void {
  const digits = Math.abs(value) < 10 ? 1 : 0
  const isMet = isAtMost ? value <= goal : value >= goal
  rows.push({
    what,
    measured: `${value.toFixed(digits)} ${unit}`,
    goal: `${isAtMost ? '≤' : '≥'} ${goal} ${unit}`,
    isMet,
  })
  console.log(
    `${isMet ? 'met   ' : 'missed'} ${what}: ${value.toFixed(digits)} ${unit}, goal ${isAtMost ? '≤' : '≥'} ${goal}`,
  )
}

type Server = Awaited<ReturnType<typeof startModelServer>>

/** Submits a number of tasks to a paused lane, resumes it, and waits until the model server has answered all of them. */
async function drain(driver: Driver, server: Server, count: number): Promise<number> {
  await driver.call('POST', '/queues/ai/pause')
  const before = server.calls.length
  let n = 0
  await driver.load(20, count, () => driver.submit({ prompt: `drain ${before} ${n++}`, model: 'stub-1000' }))
  await sleep(1_000)
  const startedAt = performance.now()
  await driver.call('POST', '/queues/ai/resume')
  while (server.calls.length < before + count || server.underway() > 0) await sleep(10)
  return (performance.now() - startedAt) / 1_000
}

async function measureWayIn(driver: Driver): Promise<void> {
  await driver.call('POST', '/queues/ai/pause')
  const submit = () => driver.submit({ prompt: 'measured', model: 'simulated-fast', delay_seconds: 86_400 })
  await driver.load(50, 1_000, submit)
  const one = await Promise.all([0]).then(async () => {
    const found: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) found.push((await driver.load(1, 300, submit)).p50)
    return median(found)
  })
  addGoal('POST, one at a time, p50', 'ms', one, 2.2)
  const many = []
  for (let round = 0; round < ROUNDS; round += 1) many.push(await driver.load(50, 2_000, submit))
  addGoal('POST, 50 at once', 'requests/s', median(many.map(({ perSecond }) => perSecond)), 800, false)
  addGoal('POST, 50 at once, p99', 'ms', median(many.map(({ p99 }) => p99)), 100)
  const id = await submit()
  const get = () => driver.call('GET', `/tasks/${id}`)
  await driver.load(50, 500, get)
  const gets = []
  for (let round = 0; round < ROUNDS; round += 1) gets.push(await driver.load(50, 3_000, get))
  addGoal('GET, 50 at once', 'requests/s', median(gets.map(({ perSecond }) => perSecond)), 1_400, false)
  await driver.call('POST', '/queues/ai/resume')
}

interface Ended {
  readonly created_at: string
  readonly finished_at: string | null
}
async function ended(driver: Driver, id: string): Promise<Ended> {
  for (;;) {
    const task = JSON.parse((await driver.call('GET', `/tasks/${id}`)).text) as Ended
    if (task.finished_at) return task
    await sleep(50)
  }
}

/** From the POST to the time of its end, minus the second that the model server takes. */
async function measureOne(driver: Driver): Promise<void> {
  const over: number[] = []
  for (let n = 0; n < 15; n += 1) {
    const from = Date.now()
    const id = await driver.submit({ prompt: `one ${n}`, model: 'stub-1000' })
    over.push(Date.parse((await ended(driver, id)).finished_at ?? '') - from - 1_000)
    await sleep(300)
  }
  addGoal('one task, over its call', 'ms', median(over), 22)
}

/** Twenty tasks a second, each of one second: a low load that must not wait, and that fills the slots that are billed. */
async function measureTrickle(driver: Driver, state: string): Promise<void> {
  const log = join(state, 'logs', 'laneaiWorker.log')
  const seen = (await readFile(log, 'utf8')).length
  const startedAt = performance.now()
  const submitted: Promise<string>[] = []
  for (let n = 0; n < 600; n += 1) {
    await sleep(Math.max(0, startedAt + n * 50 - performance.now()))
    submitted.push(driver.submit({ prompt: `trickle ${n}`, model: 'stub-1000' }))
  }
  const times: number[] = []
  for (const id of await Promise.all(submitted)) {
    const { created_at, finished_at } = await ended(driver, id)
    times.push(Date.parse(finished_at ?? '') - Date.parse(created_at))
  }
  await sleep(4_000)
  addGoal('20 tasks/s of 1 s, p50', 'ms', median(times), 1_040)
  addGoal('20 tasks/s of 1 s, p95', 'ms', quantile(times, 0.95), 1_100)
  const batches = (await readFile(log, 'utf8'))
    .slice(seen)
    .split('\n')
    .filter((line) => line.includes('"batch.finished"'))
    .map((line) => JSON.parse(line).message as Readonly<Record<string, number>>)
  const sum = (field: string) => batches.reduce((total, batch) => total + (batch[field] ?? 0), 0)
  const share = Math.round((100 * sum('refilled')) / sum('messages'))
  const used = Math.round((100 * sum('slot_ms')) / sum('paid_slot_ms'))
  console.log(
    `       of these ${share} % by refill, ${batches.length} invocations, ${used} % of their slots used`,
  )
}

async function measureRun(server: Server): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), 'runner-goals-'))
  const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*', TIMING_SCALE: '1' }
  const start = async () => {
    const from = performance.now()
    const running = await startProcess(['--port', '0', '--quiet'], env, state)
    return { running, seconds: (performance.now() - from) / 1_000 }
  }
  const first = await start()
  await first.running.end('SIGINT')
  const { running, seconds } = await start()
  addGoal('first start', 's', first.seconds, 3.5)
  addGoal('start, nothing changed', 's', seconds, 0.5)
  const driver = new Driver(running.url)
  try {
    await sleep(5_000)
    addGoal('memory, idle', 'MB', await residentMb(running.child.pid), 140)
    addGoal('200 tasks of 1 s, cold', 's', await drain(driver, server, 200), 2.9)
    const warm = []
    for (let round = 0; round < ROUNDS; round += 1) warm.push(await drain(driver, server, 200))
    addGoal('200 tasks of 1 s, warm', 's', median(warm), 2.4)
    addGoal('1,000 tasks of 1 s, 100 slots', 's', await drain(driver, server, 1_000), 11)
    await measureOne(driver)
    await measureWayIn(driver)
    await drain(driver, server, 200)
    addGoal('memory, after a burst', 'MB', await residentMb(running.child.pid), 400)
    await sleep(45_000)
    addGoal('memory, 45 s later', 'MB', await residentMb(running.child.pid), 250)
    await measureTrickle(driver, state)
  } finally {
    driver.close()
    await running.end('SIGINT')
    await rm(state, { recursive: true, force: true })
  }
}

/** @returns the table of goals; about four minutes. */
export async function measureGoals(): Promise<{ readonly rows: readonly GoalRow[]; readonly load: string }> {
  const before = loadavg()[0] ?? 0
  const server = await startModelServer()
  await measureRun(server)
  await server.stop()
  return { rows, load: `${before.toFixed(1)} before` }
}

if (process.argv[1] === import.meta.filename) {
  await measureGoals()
  process.exit(0)
}
