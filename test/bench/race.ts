/**
 * `npm run bench:race`: 10,000 submits and 10,000 other requests of one tenant, 100 at once, over the environments of all
 * functions, against a budget, a limit of open tasks and a rate. Prints how many were accepted and how many should be; the
 * difference must be 0. `-- --submits 1000` is shorter, `-- --only budget` runs one of them.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startProcess } from '../fixtures/running.ts'
import { Driver } from './driver.ts'

const { values } = parseArgs({
  options: { submits: { type: 'string', default: '10000' }, only: { type: 'string', default: '' } },
})
const COUNT = Number(values.submits)
const CALLERS = 100
const EACH_USD = 0.01
const BUDGET_USD = 3.005
const OPEN = 120
const BURST = 250

interface Race {
  readonly name: string
  readonly limits: object
  readonly most: number
  readonly one: (driver: Driver) => Promise<number>
}

const submit =
  (body: object) =>
  async (driver: Driver): Promise<number> =>
    (await driver.call('POST', '/tasks', { delay_seconds: 3_600, ...body })).status

const RACES: readonly Race[] = [
  {
    name: `a budget of $${BUDGET_USD} and submits of $${EACH_USD} each`,
    limits: { budget: { usdPerDay: BUDGET_USD } },
    most: Math.floor(BUDGET_USD / EACH_USD),
    one: submit({ prompt: 'x', model: 'gpt-4o', max_cost_usd: EACH_USD }),
  },
  {
    name: `${OPEN} open tasks`,
    limits: { openTasks: OPEN },
    most: OPEN,
    one: submit({ type: 'example.add', input: { x: 1, y: 2 } }),
  },
  {
    // So slow that the rate allows no further request during the run.
    name: `a burst of ${BURST} submits`,
    limits: { submitsPerMinute: 1, burst: BURST },
    most: BURST,
    one: submit({ type: 'example.add', input: { x: 1, y: 2 } }),
  },
  {
    name: `a burst of ${BURST} other requests`,
    limits: { requestsPerMinute: 1, requestBurst: BURST },
    most: BURST,
    one: async (driver) => (await driver.call('GET', '/tasks?limit=1')).status,
  },
]

console.log('| limit | asked | seconds | got in | may get in | overshoot | refused with | other answers |')
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
for (const { name, limits, most, one } of RACES.filter((race) => race.name.includes(values.only))) {
  const state = await mkdtemp(join(tmpdir(), 'runner-race-'))
  const running = await startProcess(['--port', '0'], { TENANT_LIMITS: JSON.stringify(limits) }, state)
  const driver = new Driver(running.url, CALLERS)
  const counts = new Map<number, number>()
  const from = performance.now()
  await driver.load(CALLERS, COUNT, async () => {
    const status = await one(driver)
    counts.set(status, (counts.get(status) ?? 0) + 1)
  })
  const seconds = (performance.now() - from) / 1_000
  // A rate allows further requests during the run.
  const grown = 'openTasks' in limits || 'budget' in limits ? 0 : Math.floor(seconds / 60)
  const inside = (counts.get(202) ?? 0) + (counts.get(200) ?? 0)
  const refused = (counts.get(429) ?? 0) + (counts.get(402) ?? 0)
  const others = [...counts].filter(([status]) => ![200, 202, 402, 429].includes(status))
  const cells = [
    ...[name, COUNT, seconds.toFixed(1), inside, most + grown, Math.max(0, inside - most - grown)],
    ...[
      `${refused} × ${counts.has(402) ? 402 : 429}`,
      others.map(([status, times]) => `${times} × ${status}`).join(', ') || 0,
    ],
  ]
  console.log(`| ${cells.join(' | ')} |`)
  driver.close()
  await running.end('SIGTERM')
  await rm(state, { recursive: true, force: true })
}
