import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type TaskView } from '../../fixtures/client.ts'
import { startModelServer } from '../../fixtures/model-server.ts'
import { assemblyOf } from '../../fixtures/running.ts'
import type { Order } from '../chaos/process.ts'
import { Life } from '../chaos/run.ts'

export interface FlowChaosOptions {
  readonly leaves: number
  /** How often the whole process is killed and started again while the leaves run. */
  readonly kills: number
  readonly seed: number
  readonly tell?: (text: string) => void
}

export interface FlowChaosReport {
  readonly status: string
  /** The error, when it failed. */
  readonly error: unknown
  /** Leaves that did not complete, at each end of the workflow. */
  readonly failures: readonly Failure[]
  /** Retries by hand, as an operator would make them, of a workflow with leaves that ended because three workers died. */
  readonly retries: number
  readonly leaves: number
  readonly completed: number
  /** Tasks of the workflow beyond one for each leaf and one for the join. */
  readonly extraTasks: number
  readonly calls: number
  /** Leaves whose call was made again after their result was in the table. */
  readonly paidTwice: number
  /** Provider calls minus the attempts in the rows. */
  readonly callsBeyondAttempts: number
  /** The joining step began before the last leaf had ended. */
  readonly joinedEarly: number
  /** Values of the joining step's input that are not the leaf's result. */
  readonly wrongValues: number
  readonly faults: Readonly<Record<string, number>>
  readonly seconds: number
}

export const FLOW_ZEROS = [
  'extraTasks',
  'paidTwice',
  'callsBeyondAttempts',
  'joinedEarly',
  'wrongValues',
] as const satisfies readonly (keyof FlowChaosReport)[]

interface Failure {
  readonly id: string
  readonly status: string
  readonly attempts: number
  readonly code: string | undefined
}

interface Shown {
  readonly id: string
  readonly status: string
  readonly error: unknown
  readonly steps: Readonly<
    Record<string, { status: string; task_id: string | null; tasks: { completed: number; total: number } }>
  >
}

const PATIENCE_MS = 40 * 60_000
const TAG = 'flow-chaos'

/**
 * One chord whose leaves call a model, while services fail, queues lose and double messages, environments die and the process
 * is killed. Then the faults end, and the outcomes are counted.
 */
export async function runFlowChaos({
  leaves,
  kills,
  seed,
  tell,
}: FlowChaosOptions): Promise<FlowChaosReport> {
  const startedAt = Date.now()
  const server = await startModelServer()
  const stateDir = await mkdtemp(join(tmpdir(), 'flow-chaos-'))
  const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
  const order: Order = {
    seed,
    share: 0.08,
    queueShare: 0.15,
    // All clocks agree, because their times are compared at the end.
    skewMs: 0,
    stateDir,
    // Below the range of ports that the system assigns, so no other process takes it while this one is down.
    port: 20_000 + (process.pid % 10_000),
    env,
    assemblyDir: await assemblyOf(env),
    killEveryMs: 5_000,
  }
  let life = await Life.start(order)
  const client = new Client(life.url)
  const faults: Record<string, number> = {}
  const audit = async () => {
    const report = await life.ask({ kind: 'audit' }).catch(() => undefined)
    if (report?.kind === 'audit')
      for (const [name, count] of Object.entries(report.faults)) faults[name] = (faults[name] ?? 0) + count
  }
  const leaf = (index: number) => ({
    type: 'text.generate',
    model: `stub-${50 + (index % 7) * 20}`,
    input: { prompt: promptOf(index) },
    max_attempts: 10,
  })
  try {
    const id = await startFlow(client, {
      tags: [TAG],
      chord: {
        group: Array.from({ length: leaves }, (_, index) => leaf(index)),
        then: {
          type: 'text.generate',
          model: 'stub-50',
          max_attempts: 10,
          if: { $from: `previous.results.${leaves - 1}`, equals: `echo: ${promptOf(leaves - 1)}` },
          input: { prompt: 'join', system: { $from: 'previous.results.0' } },
        },
      },
    })
    tell?.(`${leaves} leaves, seed ${seed}, workflow ${id}`)
    const failures: Failure[] = []
    let [killed, retries] = [0, 0]
    let isHealed = false
    let shown: Shown | undefined
    const end = Date.now() + PATIENCE_MS
    while (Date.now() < end) {
      shown = (await look(client, id)) ?? shown
      const { completed = 0 } = shown?.steps.group?.tasks ?? {}
      if (shown && shown.status !== 'RUNNING') {
        const ended = shown.status === 'FAILED' ? await failedLeaves(client) : []
        failures.push(...ended)
        const areCrashed = ended.length > 0 && ended.every(({ code }) => code === 'worker_crashed')
        if (!areCrashed || retries === MAX_RETRIES) break
        retries += 1
        tell?.(`${ended.length} leaves lost three workers each; retried by hand`)
        await retryFlow(client, id)
        continue
      }
      if (killed < kills && completed >= ((killed + 1) * leaves) / (kills + 1)) {
        killed += 1
        await audit()
        tell?.(`process killed at ${completed} of ${leaves}`)
        await life.kill()
        life = await Life.start({ ...order, seed: seed + killed * 100 })
      } else if (!isHealed && killed === kills && completed >= leaves * 0.9) {
        isHealed = true
        await audit()
        await life.ask({ kind: 'heal' })
        tell?.(`healed at ${completed} of ${leaves}`)
      }
      // The timer would start it once a minute.
      await life.ask({ kind: 'sweep' }).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
    await life.ask({ kind: 'heal' }).catch(() => undefined)
    const tasks = await allTasks(client)
    const then = tasks.find(({ id: one }) => one === shown?.steps.then?.task_id)
    const leafTasks = tasks.filter((task) => task !== then)
    const endedAt = Math.max(...leafTasks.map(({ finished_at }) => Date.parse(finished_at ?? '')))
    return {
      status: shown?.status ?? 'unknown',
      error: shown?.error ?? null,
      failures,
      retries,
      leaves: leafTasks.length,
      completed: leafTasks.filter(
        ({ status, result }) => status === 'COMPLETED' && /^echo: leaf \d+$/.test(`${result}`),
      ).length,
      extraTasks: tasks.length - leaves - 1,
      calls: server.calls.length,
      paidTwice: leafTasks.filter(({ prompt, finished_at }) =>
        server.callsOf(`${prompt}`).some(({ at }) => at > Date.parse(finished_at ?? '')),
      ).length,
      // A retry by hand starts the count of attempts again.
      callsBeyondAttempts: leafTasks
        .filter(({ epoch }) => epoch === 1)
        .reduce(
          (sum, { prompt, attempts }) => sum + Math.max(0, server.callsOf(`${prompt}`).length - attempts),
          0,
        ),
      joinedEarly: then && Date.parse(then.created_at) >= endedAt ? 0 : 1,
      wrongValues: await wrongValues(client, then),
      faults,
      seconds: Math.round((Date.now() - startedAt) / 1_000),
    }
  } finally {
    await life.stop()
    await server.stop()
    await rm(stateDir, { recursive: true, force: true })
  }
}

const promptOf = (index: number): string => `leaf ${index}`

/** As a caller should: repeats the request with the same idempotency key until there is an answer. */
async function startFlow(client: Client, body: object): Promise<string> {
  for (;;) {
    const answer = await client
      .post('/workflows', body, { 'idempotency-key': 'flow-chaos' })
      .catch(() => undefined)
    if (answer?.status === 202) return answer.body.id
    if (answer && ![429, 502, 503, 504].includes(answer.status))
      throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

const MAX_RETRIES = 3

async function failedLeaves(client: Client): Promise<readonly Failure[]> {
  const tasks = await allTasks(client).catch(() => [])
  return tasks
    .filter(({ status }) => status === 'FAILED')
    .map(({ id, status, attempts, error }) => ({ id, status, attempts, code: error?.code }))
}

/** Refused while the tasks of the epoch that ended are cancelled. */
async function retryFlow(client: Client, id: string): Promise<void> {
  for (;;) {
    const answer = await client.post(`/workflows/${id}/retry`).catch(() => undefined)
    if (answer?.status === 200) return
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
}

async function look(client: Client, id: string): Promise<Shown | undefined> {
  const answer = await client.get<Shown>(`/workflows/${id}`).catch(() => undefined)
  if (answer?.status === 404) throw new Error(`the workflow ${id} is lost`)
  return answer?.status === 200 ? answer.body : undefined
}

async function allTasks(client: Client): Promise<TaskView[]> {
  const found: TaskView[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: { tasks: TaskView[]; next_cursor: string | null } } = await client.get(
      `/tasks?tag=${TAG}&limit=100${cursor ? `&cursor=${cursor}` : ''}`,
    )
    found.push(...body.tasks)
    cursor = body.next_cursor
  }
  return found
}

/** The joining step's input is the first leaf's result. */
async function wrongValues(client: Client, then: TaskView | undefined): Promise<number> {
  if (!then) return 1
  const { body } = await client.get<{ system?: string }>(`/tasks/${then.id}/input`)
  return body.system === `echo: ${promptOf(0)}` ? 0 : 1
}
