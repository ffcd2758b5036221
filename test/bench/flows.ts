/**
 * `npm run bench:workflows -- --leaves 10000 --schedules 1000`: table calls per leaf of one wide workflow, compared with those
 * of a plain task; and the delay of scheduled tasks that are all due in the same second, compared with plain tasks of one
 * second.
 */
import { parseArgs } from 'node:util'
import { Client, type TaskView } from '../fixtures/client.ts'
import { startCountingProxy } from '../fixtures/counting-proxy.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { Driver, quantile } from './driver.ts'

const { values } = parseArgs({
  options: {
    leaves: { type: 'string', default: '10000' },
    schedules: { type: 'string', default: '1000' },
  },
})
const [leaves, schedules] = [Number(values.leaves), Number(values.schedules)]
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const proxies: Awaited<ReturnType<typeof startCountingProxy>>[] = []
const running = await startTestRuntime(
  {},
  {
    onServices: async ({ dynamodb, sqs, s3 }) => {
      for (const target of [dynamodb, sqs, s3]) proxies.push(await startCountingProxy(target))
    },
    functionEnv: () => ({
      AWS_ENDPOINT_URL_DYNAMODB: proxies[0]?.endpoint ?? '',
      AWS_ENDPOINT_URL_SQS: proxies[1]?.endpoint ?? '',
      AWS_ENDPOINT_URL_S3: proxies[2]?.endpoint ?? '',
    }),
  },
)
const client = new Client(running.url)
const driver = new Driver(running.url)
const add = (x: number) => ({ type: 'example.add', input: { x, y: 1 } })

function counted(count: number): Readonly<Record<string, string>> {
  const all = Object.assign({}, ...proxies.map((proxy) => proxy.counts())) as Record<string, number>
  for (const proxy of proxies) proxy.reset()
  return Object.fromEntries(Object.entries(all).map(([name, calls]) => [name, (calls / count).toFixed(3)]))
}
const writesOf = (calls: Readonly<Record<string, string>>): number =>
  ['PutItem', 'UpdateItem', 'DeleteItem'].reduce((sum, name) => sum + Number(calls[name] ?? 0), 0)

async function measureLeaves(): Promise<void> {
  const plainCount = Math.min(1_000, leaves)
  await client.done(await driver.submit(add(0)))
  for (const proxy of proxies) proxy.reset()
  const ids: string[] = []
  await driver.load(10, plainCount, async () => ids.push(await driver.submit(add(1))))
  for (const id of ids) await client.done(id)
  // Polling is not part of the tasks' own calls: it only reads, and reads are not compared.
  const plain = counted(plainCount)
  const startedAt = Date.now()
  const { status, body } = await client.post<{ id: string }>('/workflows', {
    group: Array.from({ length: leaves }, (_, index) => add(index)),
  })
  if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`)
  for (;;) {
    await sleep(1_000)
    const { status: answer, body: shown } = await client.get<{
      status: string
      steps: { group: { tasks: object } }
    }>(`/workflows/${body.id}`)
    if (answer !== 200) console.info(`  GET answered ${answer}: ${JSON.stringify(shown)}`)
    if (answer !== 200 || shown.status === 'RUNNING') continue
    const leaf = counted(leaves)
    console.info(`${leaves} leaves: ${shown.status} ${JSON.stringify(shown.steps.group.tasks)}`)
    console.info(`  after ${Math.round((Date.now() - startedAt) / 1_000)} s`)
    console.info(`  calls per plain task: ${JSON.stringify(plain)}`)
    console.info(`  calls per leaf:       ${JSON.stringify(leaf)}`)
    console.info(`  writes of a leaf above a plain task's: ${(writesOf(leaf) - writesOf(plain)).toFixed(3)}`)
    return
  }
}

/** Tasks that are due in one second: made by `make`, found by their tag. */
async function measureTogether(
  what: string,
  tag: string,
  msEach: number,
  make: (at: string, task: object) => Promise<void>,
) {
  const from = Date.now()
  const at = Math.ceil((from + Math.max(90_000, schedules * msEach)) / 1_000) * 1_000
  let index = 0
  await driver.load(10, schedules, async () => {
    index += 1
    await make(new Date(at).toISOString(), { ...add(index), tags: [tag] })
  })
  const seconds = Math.round((Date.now() - from) / 1_000)
  console.info(`${schedules} ${what} for ${new Date(at).toISOString()}, made in ${seconds} s`)
  const done = async (): Promise<TaskView[]> => {
    const found: TaskView[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body }: { body: { tasks: TaskView[]; next_cursor: string | null } } = await client.get(
        `/tasks?tag=${tag}&limit=100${cursor ? `&cursor=${cursor}` : ''}`,
      )
      found.push(...body.tasks)
      cursor = body.next_cursor
    }
    return found
  }
  // Whether all messages are ready at that second, independent of how fast workers then receive them.
  await sleep(at - 3_000 - Date.now())
  const { body: depths } = await client.get<{ queues: { lane: string; delayed: number }[] }>('/queues')
  const held = depths.queues.find(({ lane }) => lane === 'demo')?.delayed
  console.info(`  messages that the queue holds for that second, 3 s before it: ${held}`)
  let tasks: TaskView[] = []
  const isCompleted = ({ status }: TaskView) => status === 'COMPLETED'
  // No polling in the first seconds: it takes processor time from the tasks.
  for (let wait = at + 10_000 - Date.now(); ; wait = 5_000) {
    await sleep(Math.max(1_000, wait))
    tasks = await done()
    if (tasks.filter(isCompleted).length >= schedules || Date.now() > at + 600_000) break
  }
  const late = tasks.map(({ started_at }) => Date.parse(started_at ?? '') - at)
  console.info(`  tasks ${tasks.length}, completed ${tasks.filter(isCompleted).length}`)
  console.info(`  before their time ${late.filter((ms) => ms < 0).length}`)
  const [first, last] = [Math.min(...late), Math.max(...late)]
  console.info(
    `  start after it: first ${first} ms, p50 ${quantile(late, 0.5)} ms, p99 ${quantile(late, 0.99)} ms`,
  )
  console.info(`  workers took ${Math.round((tasks.length * 1_000) / Math.max(1, last - first))} a second`)
}

const expect = (wanted: number, { status, text }: { status: number; text: string }) => {
  if (status !== wanted) throw new Error(`${status} ${text}`)
}

try {
  if (leaves > 0) await measureLeaves()
  if (schedules > 0) {
    await measureTogether('schedules', 'together', 300, async (at, task) =>
      expect(201, await driver.call('POST', '/schedules', { at, task })),
    )
    // The same without schedules: any further delay comes from the schedules.
    await measureTogether('tasks with run_at', 'alone', 60, async (at, task) =>
      expect(202, await driver.call('POST', '/tasks', { ...task, run_at: at })),
    )
  }
} finally {
  driver.close()
  await running.stop()
  await Promise.all(proxies.map((proxy) => proxy.stop()))
}
