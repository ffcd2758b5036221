/**
 * How fast the operators' views are with many tasks in the table: `npm run bench:operate -- --tasks 10000`. Submits them over
 * HTTP to a separate runtime, waits until all have ended, then requests each view 20 times and loads each page 5 times.
 */
import { parseArgs } from 'node:util'
import { hasBrowser, openBrowser, openPage } from '../fixtures/browser.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const { values } = parseArgs({ options: { tasks: { type: 'string', default: '10000' } } })
const TASKS = Number(values.tasks)
const CLIENTS = 16

const runtime = await startTestRuntime()
const api = `${runtime.url}/api/v1`
const json = { 'content-type': 'application/json' }
try {
  const ids = await submitAll()
  await untilDone()
  const view = runtime.plan.functions.find(({ name }) => name === 'OpsView')?.arn
  const call = (event: object) => ({
    path: '/console/call',
    init: { method: 'POST', headers: json, body: JSON.stringify({ endpoint: view, event }) },
  })
  const form = (all: object) => ({ view: 'search', widgetContext: { forms: { all } } })
  const asked: Readonly<Record<string, { path: string; init?: RequestInit }>> = {
    'one task': { path: `/api/v1/tasks/${ids[TASKS / 2]}` },
    'list, first page': { path: '/api/v1/tasks?limit=50' },
    'list, by status': { path: '/api/v1/tasks?limit=50&status=FAILED' },
    'list, by type': { path: '/api/v1/tasks?limit=50&type=example.add' },
    'list, by a rare tag': { path: '/api/v1/tasks?limit=50&tag=rare' },
    queues: { path: '/api/v1/queues' },
    stats: { path: '/api/v1/stats' },
    'task table, overview': call({ view: 'overview' }),
    'task table, one task': call(form({ task_id: ids[0] })),
    'task table, by status': call(form({ status: 'COMPLETED' })),
    'task table, by a rare tag': call(form({ tag: 'rare' })),
    'console, overview’s data': { path: '/console/data/dashboard?index=0&minutes=60' },
    'console, lanes’ data': { path: '/console/data/dashboard?index=1&minutes=60' },
    'console, tasks': { path: '/console/data/tasks?limit=50' },
    'console, tasks by a word': { path: '/console/data/tasks?limit=50&text=rare' },
    'console, log search': { path: `/console/data/logs?text=${ids[TASKS - 5]}` },
  }
  console.log(`\n${TASKS} tasks in the table, ms${' '.repeat(12)}p50     p95     slowest`)
  for (const [name, { path, init }] of Object.entries(asked))
    print(
      name,
      await times(20, async () => {
        const response = await fetch(runtime.url + path, init)
        if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
        await response.arrayBuffer()
      }),
    )
  if (hasBrowser) {
    const browser = await openBrowser()
    for (const page of [
      '',
      '/tasks',
      '/submit',
      '/lanes',
      '/workers',
      '/logs',
      '/dashboard',
      '/alarms',
      '/runbook',
    ])
      print(
        `page /console${page}`,
        await times(5, async () => {
          const { page: tab } = await openPage(browser, runtime.url)
          await tab.goto(`${runtime.url}/console${page}`)
          await tab
            .locator('main table, main canvas, main li, main form, main section, main article h2')
            .first()
            .waitFor()
          await tab.close()
        }),
      )
    await browser.close()
  }
} finally {
  await runtime.stop()
}

async function submitAll(): Promise<string[]> {
  const startedAt = performance.now()
  const ids: string[] = []
  let next = 0
  const client = async () => {
    for (let index = next++; index < TASKS; index = next++) {
      const response = await fetch(`${api}/tasks`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify({
          type: 'example.add',
          input: { x: index, y: 1 },
          tags: index % 1_000 === 0 ? ['rare'] : [],
        }),
      })
      if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`)
      ids[index] = ((await response.json()) as { id: string }).id
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  console.log(`submitted in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)
  return ids
}

async function untilDone(): Promise<void> {
  const startedAt = performance.now()
  for (;;) {
    const open = await Promise.all(
      ['PENDING', 'PROCESSING', 'RETRYING'].map(async (status) => {
        const response = await fetch(`${api}/tasks?limit=1&status=${status}`)
        return ((await response.json()) as { tasks: unknown[] }).tasks.length
      }),
    )
    if (open.every((count) => count === 0)) break
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  console.log(`all done ${((performance.now() - startedAt) / 1_000).toFixed(1)} s later`)
}

async function times(count: number, act: () => Promise<void>): Promise<number[]> {
  await act()
  const taken: number[] = []
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now()
    await act()
    taken.push(performance.now() - startedAt)
  }
  return taken.sort((left, right) => left - right)
}

function print(name: string, taken: readonly number[]): void {
  const at = (share: number) => (taken[Math.ceil(taken.length * share) - 1] ?? 0).toFixed(0).padStart(7)
  console.log(`${name.padEnd(32)}${at(0.5)} ${at(0.95)} ${at(1)}`)
}
