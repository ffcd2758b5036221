import { type ChildProcess, execFile, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client, type TaskView } from '../../fixtures/client.ts'
import { startModelServer } from '../../fixtures/model-server.ts'
import { assemblyOf } from '../../fixtures/running.ts'
import { seeded } from '../kit/seeded.ts'
import type { Command, Order, Report } from './process.ts'

export interface ChaosOptions {
  readonly tasks: number
  readonly seed: number
  /** Times the whole process is killed and started again. */
  readonly kills: number
  /** Moves all clocks forward when the faults are over, instead of waiting for leases. */
  readonly isFast: boolean
  /** Seconds with a full disk and with few file descriptors while tasks are submitted; Linux only. 0 for none. */
  readonly scarceSeconds?: number
  readonly tell?: (text: string) => void
}

/** The caller of the run asserts which numbers are zero. */
export interface ChaosReport {
  readonly accepted: number
  readonly completed: number
  readonly cancelled: number
  readonly failed: number
  readonly failedBy: Readonly<Record<string, number>>
  /** Accepted, and without a row afterwards. */
  readonly lost: number
  /** Not final although nothing has failed for minutes. */
  readonly stuck: number
  /** Provider calls made for a task after its result had been read. */
  readonly paidTwice: number
  readonly beyondLimit: number
  readonly withoutDueTime: number
  /** Idempotency keys with two tasks. */
  readonly doubledKeys: number
  /** COMPLETED with the answer to another prompt. */
  readonly wrongResults: number
  readonly providerCalls: number
  readonly faults: Readonly<Record<string, number>>
  readonly seconds: number
}

export const ZEROS = [
  'lost',
  'stuck',
  'paidTwice',
  'beyondLimit',
  'withoutDueTime',
  'doubledKeys',
  'wrongResults',
] as const satisfies readonly (keyof ChaosReport)[]

const FINAL = ['COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED']
const MAX_ATTEMPTS = 10
/** One lease and one sweep per lost attempt; a task can lose up to a dozen attempts. */
const PATIENCE_MS = 15 * 60_000
const SKEW_MS = 5_000
const QUIET_MS = 30_000

/** How the providers behave; the weight is the share of tasks. */
const MODELS: readonly (readonly [model: string, weight: number])[] = [
  ['stub-50', 20],
  ['stub-800', 15],
  ['stub-2000', 10],
  ['stub-500-once', 8],
  ['stub-503-once', 5],
  ['stub-429-once', 5],
  ['stub-429-date-once', 4],
  ['stub-429-plain-once', 4],
  ['stub-reset-once', 5],
  ['stub-cut-once', 5],
  ['stub-not-json-once', 5],
  ['stub-mistyped-once', 4],
  ['stub-huge', 2],
  ['stub-drip-once', 2],
  ['stub-slow-start', 4],
  ['stub-hang-once', 2],
  ['stub-400', 2],
  ['stub-401', 2],
  ['stub-refused', 2],
  ['stub-500-4x', 2],
]

/**
 * Each model's circuit allows one call in 15 s while every new prompt fails first, and may delay a task for an hour. With all
 * of 2,000 tasks on one set of models, the last would end after this run's time-out.
 */
const TASKS_PER_MODEL = 250

interface Job {
  readonly key: string
  readonly body: Readonly<Record<string, unknown>>
  readonly expected: unknown
  readonly isCancelled: boolean
  readonly repeats: number
}

/** Submits different tasks while all services fail, kills the process, ends the faults, and counts the outcomes. */
export async function runChaos({
  tasks,
  seed,
  kills,
  isFast,
  scarceSeconds = 0,
  tell,
}: ChaosOptions): Promise<ChaosReport> {
  const startedAt = Date.now()
  const random = seeded(seed)
  const server = await startModelServer()
  const stateDir = await mkdtemp(join(tmpdir(), 'chaos-'))
  const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
  const order: Order = {
    seed,
    share: 0.08,
    queueShare: 0.15,
    skewMs: SKEW_MS,
    movesAllClocks: isFast,
    stateDir,
    port: await freePort(),
    env,
    assemblyDir: await assemblyOf(env),
    killEveryMs: 4_000,
  }
  let faults: Record<string, number> = {}
  let withoutDueTime = 0
  let life = await Life.start(order)
  const client = new Client(life.url)
  const audit = async () => {
    const report = await life.ask({ kind: 'audit' }).catch(() => undefined)
    if (report?.kind !== 'audit') return
    withoutDueTime = Math.max(withoutDueTime, report.withoutDueTime)
    return report.faults
  }
  const killed: Promise<void>[] = []
  try {
    const jobs = Array.from({ length: tasks }, (_, index) => makeJob(index, random))
    const ids = new Map<string, Set<string>>()
    const killAt = Array.from({ length: kills }, (_, n) => Math.floor(((n + 1) * tasks) / (kills + 1)))
    // Between the kills: after a kill, the limit on the process would not have to be removed.
    const scarceAt = new Map<number, Scarcity>([
      [Math.max(1, Math.floor(tasks * 0.1)), 'full disk'],
      [Math.max(2, Math.floor(tasks * 0.5)), 'few descriptors'],
    ])
    let submitted = 0
    const submitNext = async (): Promise<void> => {
      for (let job = jobs.shift(); job; job = jobs.shift()) {
        const found = new Set<string>()
        ids.set(job.key, found)
        for (let n = 0; n < job.repeats; n += 1) found.add(await submit(client, job))
        if (job.isCancelled) void cancel(client, [...found][0] ?? '', random() * 4_000)
        submitted += 1
        if (killAt.includes(submitted)) killed.push(restart())
        const scarce = scarceSeconds > 0 ? scarceAt.get(submitted) : undefined
        if (scarce) killed.push(starve(scarce))
        done.push(job)
        await new Promise((resolve) => setTimeout(resolve, random() * 200))
      }
    }
    /** Limits a resource of the present process, and removes the limit again. */
    const starve = async (resource: Scarcity) => {
      const { pid } = life
      tell?.(`${resource} for ${scarceSeconds} s at ${submitted} of ${tasks} submitted`)
      faults[resource] = (faults[resource] ?? 0) + 1
      await limit(pid, resource, true)
      await new Promise((resolve) => setTimeout(resolve, scarceSeconds * 1_000))
      await limit(pid, resource, false)
    }
    const restart = async () => {
      merge(faults, await audit())
      tell?.(`process killed at ${submitted} of ${tasks} submitted`)
      await life.kill()
      life = await Life.start({ ...order, seed: seed + killed.length * 100 })
    }
    const done: Job[] = []
    await Promise.all(Array.from({ length: 12 }, submitNext))
    await Promise.all(killed)
    tell?.(`${tasks} accepted after ${Math.round((Date.now() - startedAt) / 1_000)} s`)

    const rows = new Map<string, TaskView | 'lost'>()
    const seenAt = new Map<string, number>()
    const isOver = (id: string) => {
      const row = rows.get(id)
      return row === 'lost' || (row !== undefined && FINAL.includes(row.status))
    }
    const all = [...ids.values()].flatMap((found) => [...found])
    const harmUntil = Date.now() + (isFast ? 4_000 : 45_000)
    const end = Date.now() + PATIENCE_MS
    let isHealed = false
    let movedMs = 0
    let endedAt = Date.now()
    let ended = 0
    while (!all.every(isOver) && Date.now() < end) {
      if (!isHealed && Date.now() > harmUntil) {
        merge(faults, await audit())
        await life.ask({ kind: 'heal' })
        isHealed = true
        tell?.('healed')
      }
      // No call may be in progress when the clock moves past its lease.
      if (isHealed && isFast && server.underway() === 0) {
        movedMs += 65_000
        await life.ask({ kind: 'move-clock', ms: movedMs })
      }
      if (isFast) await life.ask({ kind: 'sweep' }).catch(() => undefined)
      for (const id of all.filter((one) => !isOver(one))) {
        const row = await look(client, id)
        if (!row) continue
        rows.set(id, row)
        if (row !== 'lost' && row.status === 'COMPLETED') seenAt.set(id, Date.now())
      }
      await audit()
      const over = all.filter(isOver).length
      tell?.(`${over} of ${all.length} are over`)
      if (over > ended) [ended, endedAt] = [over, Date.now()]
      // Without new tasks, a model that failed for its last tasks is called every five minutes, for up to an hour. An operator
      // who knows that it is back does not wait for that.
      if (isHealed && !isFast && Date.now() - endedAt > QUIET_MS) {
        const count = await closeCircuits(client)
        faults['circuits closed by hand'] = (faults['circuits closed by hand'] ?? 0) + count
        endedAt = Date.now()
      }
      await new Promise((resolve) => setTimeout(resolve, isFast ? 700 : 3_000))
    }
    if (!isHealed) faults = merge(faults, await audit())
    // Long enough for messages that the queues delayed or did not delete to be received again and do harm, if they can.
    await life.ask({ kind: 'heal' })
    await new Promise((resolve) => setTimeout(resolve, isFast ? 3_000 : 15_000))
    const found = [...rows.values()].filter((row): row is TaskView => row !== 'lost')
    const having = (status: string) => found.filter((row) => row.status === status)
    const byId = new Map(done.map((job) => [[...(ids.get(job.key) ?? [])][0] ?? '', job]))
    const paidTwice = [...seenAt].filter(([id, at]) => {
      const prompt = byId.get(id)?.body.prompt
      return typeof prompt === 'string' && server.callsOf(prompt).some((call) => call.at > at)
    })
    return {
      accepted: all.length,
      completed: having('COMPLETED').length,
      cancelled: having('CANCELLED').length,
      failed: having('FAILED').length,
      failedBy: countBy(having('FAILED'), ({ error }) => error?.code ?? '?'),
      lost: [...rows.values()].filter((row) => row === 'lost').length,
      stuck: all.filter((id) => !isOver(id)).length,
      paidTwice: paidTwice.length,
      beyondLimit: found.filter(({ attempts }) => attempts > MAX_ATTEMPTS).length,
      withoutDueTime,
      doubledKeys: [...ids.values()].filter(({ size }) => size > 1).length,
      wrongResults: having('COMPLETED').filter(
        ({ id, result }) => JSON.stringify(result) !== JSON.stringify(byId.get(id)?.expected),
      ).length,
      providerCalls: server.calls.length,
      faults,
      seconds: Math.round((Date.now() - startedAt) / 1_000),
    }
  } finally {
    await Promise.allSettled(killed)
    await life.stop()
    await server.stop()
    await rm(stateDir, { recursive: true, force: true })
  }
}

function makeJob(index: number, random: () => number): Job {
  const key = `chaos-${index}`
  const options = {
    max_attempts: MAX_ATTEMPTS,
    ...(random() < 0.1 ? { delay_seconds: 1 + Math.floor(random() * 6) } : {}),
    ...(random() < 0.1 ? { priority: 9 } : {}),
  }
  const common = { key, isCancelled: random() < 0.05, repeats: random() < 0.2 ? 2 : 1 }
  const dice = random()
  if (dice < 0.1) {
    const input = { x: index, y: 1 }
    return { ...common, body: { type: 'example.add', input, ...options }, expected: index + 1 }
  }
  if (dice < 0.2) {
    const input = { name: key, seconds: 1 + Math.floor(random() * 3) }
    const message = `Task ${key} completed in ${input.seconds} seconds`
    return { ...common, body: { type: 'example.run', input, ...options }, expected: { ...input, message } }
  }
  // Some of them are too large for the row.
  const prompt = `${key} ${random() < 0.1 ? 'large '.repeat(4_000) : ''}`
  const model = `${choose(random)}@${Math.floor(index / TASKS_PER_MODEL)}`
  const timeout = /hang|drip/.test(model) ? { timeout_seconds: 5 } : {}
  return { ...common, body: { prompt, model, ...options, ...timeout }, expected: `echo: ${prompt}` }
}

function choose(random: () => number): string {
  let left = random() * MODELS.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [model, weight] of MODELS) {
    left -= weight
    if (left < 0) return model
  }
  return 'stub-50'
}

/** As a caller should: repeats the request with the same idempotency key until there is an answer. */
async function submit(client: Client, { key, body }: Job): Promise<string> {
  for (;;) {
    const answer = await client.post('/tasks', body, { 'idempotency-key': key }).catch(() => undefined)
    if (answer?.status === 202) return answer.body.id
    if (answer && ![429, 502, 503, 504].includes(answer.status))
      throw new Error(`${key}: ${answer.status} ${JSON.stringify(answer.body)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function cancel(client: Client, id: string, afterMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  for (let round = 0; round < 50; round += 1) {
    const answer = await client.post(`/tasks/${id}/cancel`).catch(() => undefined)
    if (answer && answer.status < 500) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function closeCircuits(client: Client): Promise<number> {
  const { body } = await client.get<{ circuits: { name: string; is_open: boolean }[] }>('/circuits')
  const open = body.circuits.filter(({ is_open }) => is_open)
  for (const { name } of open) await client.post('/circuits/close', { name })
  return open.length
}

async function look(client: Client, id: string): Promise<TaskView | 'lost' | undefined> {
  const answer = await client.get(`/tasks/${id}`).catch(() => undefined)
  if (answer?.status === 404) return 'lost'
  return answer?.status === 200 ? answer.body : undefined
}

function merge(into: Record<string, number>, more: Readonly<Record<string, number>> | undefined) {
  for (const [name, count] of Object.entries(more ?? {})) into[name] = (into[name] ?? 0) + count
  return into
}

function countBy<Item>(items: readonly Item[], nameOf: (item: Item) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[nameOf(item)] = (counts[nameOf(item)] ?? 0) + 1
  return counts
}

type Scarcity = 'full disk' | 'few descriptors'

/** No file may grow, which a process sees as a full disk; or `ulimit -n 256`. */
async function limit(pid: number, resource: Scarcity, isScarce: boolean): Promise<void> {
  const option = resource === 'full disk' ? '--fsize' : '--nofile'
  const soft = resource === 'full disk' ? '0' : '256'
  // Only the soft limit: the hard limit could not be raised again.
  const hard = resource === 'full disk' ? 'unlimited' : await hardLimitOfFiles()
  const value = `${isScarce ? soft : hard}:`
  // For a process that was killed meanwhile there is no limit to remove.
  await promisify(execFile)('prlimit', ['--pid', String(pid), `${option}=${value}`]).catch(() => undefined)
}

const hardLimitOfFiles = async () => (await promisify(execFile)('sh', ['-c', 'ulimit -Hn'])).stdout.trim()

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })

/** One run of the process. */
export class Life {
  readonly url: string
  readonly #child: ChildProcess

  static async start(order: Order): Promise<Life> {
    const child = fork(join(import.meta.dirname, 'process.ts'), [JSON.stringify(order)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    })
    const url = await new Promise<string>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)))
      child.on('message', (report: Report) => report.kind === 'ready' && resolve(report.url))
    })
    return new Life(child, url)
  }

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** One request at a time. @throws Error when the process has ended. */
  async ask(command: Command): Promise<Report> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#child.off('message', onMessage)
        this.#child.off('exit', onExit)
      }
      const onMessage = (report: Report) => {
        settle()
        resolve(report)
      }
      const onExit = () => {
        settle()
        reject(new Error('the process is gone'))
      }
      this.#child.on('message', onMessage)
      this.#child.once('exit', onExit)
      this.#child.send(command, (error) => error && onExit())
    })
  }

  /** Resolves when the process has ended and its port is free. */
  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.send({ kind: 'stop' } satisfies Command)
    setTimeout(() => this.#child.kill('SIGKILL'), 10_000).unref()
    await gone
  }
}
