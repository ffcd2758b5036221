/**
 * Screenshots of every page of the console and the docs, light, dark and on a phone: `npm run pictures`, for a check
 * after a change of style. `-- --only task,lanes` takes those whose name starts like this; `-- --base http://localhost:3000` takes
 * them of a stage that runs.
 */
import { parseArgs } from 'node:util'
import type { Browser } from 'playwright-core'
import { openBrowser, openPage, takePicture } from './fixtures/browser.ts'
import { Client } from './fixtures/client.ts'
import { startModelServer } from './fixtures/model-server.ts'
import { startTestRuntime } from './fixtures/running.ts'

const { values } = parseArgs({ options: { only: { type: 'string' }, base: { type: 'string' } } })

/** The model server returns it as the answer. */
const MARKDOWN = `in short

## Qubits

A **qubit** holds a state between 0 and 1 until it is read.

| gate | does |
| --- | --- |
| H | makes a superposition |
| CNOT | entangles two |

1. prepare
2. apply gates
3. measure`

/** One of each kind of task, in each state. @returns ids by what they show. */
async function fill(client: Client): Promise<Readonly<Record<string, string>>> {
  const submit = async (body: object) => (await client.submit(body)).id
  const [text, long, flaky, refused, failed] = await Promise.all([
    submit({ prompt: MARKDOWN, model: values.base ? 'simulated' : 'stub-50', tags: ['docs', 'weekly'] }),
    submit({
      prompt: '什么是量子计算？请用简单的语言解释它的原理、用途和限制。'.repeat(6),
      model: 'simulated',
    }),
    submit({ prompt: 'Name three uses of entanglement.', model: 'simulated-flaky-2' }),
    submit({ prompt: 'Something that the model declines', model: 'simulated-refuse' }),
    submit({ prompt: 'The provider is down for this one', model: 'simulated-fail-500', max_attempts: 2 }),
  ])
  const json = await submit({ type: 'example.add', input: { x: 20_000, y: 22 } })
  const mail = await submit({
    type: 'email.send',
    input: { to: ['ada@example.com'], subject: 'The weekly report', text: 'All tasks ran.\n\nThe runner' },
  })
  for (const id of [text, long, json, mail, refused, failed]) await client.done(id, 120_000)
  await client.post('/queues/email/pause')
  const waiting = await submit({
    type: 'email.send',
    input: { to: ['b@example.com'], subject: 'Waits', text: 'x' },
  })
  const later = await submit({ prompt: 'The news of tomorrow morning', delay_seconds: 40_000 })
  const cancelled = await submit({ prompt: 'No longer wanted', delay_seconds: 50_000 })
  await client.post(`/tasks/${cancelled}/cancel`)
  const running = await submit({ type: 'example.run', input: { name: 'A long one', seconds: 120 } })
  await client.until(running, ({ progress }) => (progress?.percent ?? 0) > 2)
  const workflow = (
    await client.post<{ id: string }>('/workflows', {
      steps: {
        first: { type: 'example.add', input: { x: 1, y: 2 } },
        left: { after: ['first'], type: 'example.run', input: { name: 'left', seconds: 60 } },
        right: { after: ['first'], type: 'example.add', input: { x: { $from: 'first.result' }, y: 1 } },
        last: { after: ['left', 'right'], type: 'example.add', input: { x: 1, y: 1 } },
      },
    })
  ).body.id
  await client.post('/schedules', {
    cron: '0 9 * * MON-FRI',
    timezone: 'Europe/Berlin',
    task: { type: 'text.generate', input: { prompt: 'The news of {{scheduled_time}}.' } },
  })
  return { text, long, flaky, refused, failed, json, mail, waiting, later, running, workflow }
}

const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1_280, height: 860 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1_280, height: 860 } },
  { name: 'phone', colorScheme: 'light', viewport: { width: 390, height: 844 } },
  { name: 'phone-dark', colorScheme: 'dark', viewport: { width: 390, height: 844 } },
] as const

async function take(browser: Browser, url: string, pages: ReadonlyMap<string, string>): Promise<void> {
  for (const { name: look, ...options } of LOOKS) {
    const { page, faults } = await openPage(browser, url, options)
    for (const [name, path] of pages) {
      if (values.only && !values.only.split(',').some((wanted) => name.startsWith(wanted))) continue
      await page.goto(`${url}${path}`)
      await page.waitForLoadState('networkidle').catch(() => undefined)
      await page.waitForTimeout(700)
      console.log(await takePicture(page, `page-${name}-${look}`))
    }
    if (faults.length > 0) console.log(`${look}: ${faults.join('\n')}`)
    await page.close()
  }
}

const server = await startModelServer()
const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
const runtime = values.base ? undefined : await startTestRuntime(env, { isGated: false })
const url = values.base ?? runtime?.url ?? ''
const browser = await openBrowser()
try {
  const ids = await fill(new Client(url))
  const shown = ['text', 'long', 'flaky', 'refused', 'failed', 'json', 'mail', 'waiting', 'later', 'running']
  await take(
    browser,
    url,
    new Map([
      ['home', '/console'],
      ['tasks', '/console/tasks'],
      ['tasks-failed', '/console/tasks?status=FAILED,RETRYING&text=o'],
      ...shown.map((name) => [`task-${name}`, `/console/tasks/${ids[name]}`] as const),
      ['submit', '/console/submit'],
      ['again', `/console/submit?from=${ids.json}`],
      ['workflows', '/console/workflows'],
      ['workflow', `/console/workflows/${ids.workflow}`],
      ['schedules', '/console/schedules'],
      ['lanes', '/console/lanes'],
      ['workers', '/console/workers'],
      ['logs', '/console/logs'],
      ['dashboard', '/console/dashboard?minutes=15'],
      ['alarms', '/console/alarms'],
      ['runbook', '/console/runbook'],
      ['outbox', '/console/outbox'],
      ['docs', '/api/v1/docs'],
    ]),
  )
} finally {
  await browser.close()
  await runtime?.stop()
  await server.stop()
}
