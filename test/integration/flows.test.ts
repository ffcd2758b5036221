import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasBrowser, openBrowser, openPage, takePicture } from '../fixtures/browser.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

let running: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
beforeAll(async () => {
  running = await startTestRuntime()
  client = new Client(running.url)
})
afterAll(() => running.stop())

interface Shown {
  readonly id: string
  readonly status: string
  readonly epoch: number
  readonly tasks: number
  readonly error: { code: string; message: string } | null
  readonly steps: Record<
    string,
    { status: string; task_id: string | null; tasks: { total: number; completed: number } }
  >
}

const start = async (body: object, headers: Record<string, string> = {}): Promise<Shown> => {
  const answer = await client.post('/workflows', body, headers)
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  return answer.body as unknown as Shown
}
const look = async (id: string) => (await client.get(`/workflows/${id}`)).body as unknown as Shown
const ended = async (id: string): Promise<Shown> => {
  await expect.poll(async () => (await look(id)).status, { timeout: 60_000 }).not.toBe('RUNNING')
  return look(id)
}
const add = (x: unknown, y: unknown, more: object = {}) => ({ type: 'example.add', input: { x, y }, ...more })
const resultOf = async (id: string | null) => (await client.get(`/tasks/${id}`)).body.result

describe('workflows on the running product', () => {
  it('a chain passes each result to the next step', async () => {
    const { id } = await start({
      chain: [
        add(1, 2),
        add({ $from: 'previous.result' }, 10),
        add({ $from: '1.result' }, { $from: '2.result' }),
      ],
    })
    const done = await ended(id)
    expect(done).toMatchObject({ status: 'COMPLETED', tasks: 3, error: null })
    expect(await resultOf(done.steps['3']?.task_id ?? null)).toBe(16)
  })

  it('a chord joins once, and fans out over the joined results', async () => {
    const { id } = await start({
      steps: {
        all: add(0, 0),
        left: add(1, 1),
        right: add({ $from: 'left.result' }, 5),
        sum: add({ $from: 'left.result' }, { $from: 'right.result' }, { after: ['all'] }),
      },
    })
    const done = await ended(id)
    expect(done.status).toBe('COMPLETED')
    expect(await resultOf(done.steps.sum?.task_id ?? null)).toBe(9)
    const wide = await start({
      chord: {
        group: Array.from({ length: 40 }, (_, n) => add(n, 1)),
        then: add({ $from: 'previous.results.39' }, 0),
      },
    })
    const joined = await ended(wide.id)
    expect(joined.steps.group?.tasks).toMatchObject({ total: 40, completed: 40 })
    expect(await resultOf(joined.steps.then?.task_id ?? null)).toBe(40)
  })

  it('a workflow waits for a person, and returns its diagram', async () => {
    const { id } = await start({
      steps: { ask: { wait: { signal: 'approve' } }, go: add({ $from: 'ask.result.amount' }, 1) },
    })
    await expect.poll(async () => (await look(id)).steps.ask?.status).toBe('RUNNING')
    expect((await client.post(`/workflows/${id}/signals/aprove`, {})).status).toBe(404)
    expect((await client.post(`/workflows/${id}/signals/approve`, { amount: 41 })).status).toBe(200)
    const done = await ended(id)
    expect(await resultOf(done.steps.go?.task_id ?? null)).toBe(42)
    const drawing = await fetch(`${running.url}/api/v1/workflows/${id}?format=mermaid`)
    expect(drawing.headers.get('content-type')).toContain('text/plain')
    expect(await drawing.text()).toMatch(/^flowchart TD\n {2}s0\(\["ask"\]\):::completed/)
  })

  it('a failed workflow is retried from its failed step; a cancelled one leaves nothing running', async () => {
    const { id } = await start({
      chain: [add(1, 1), { type: 'text.generate', input: { prompt: 'x' }, model: 'simulated-refuse' }],
    })
    const failed = await ended(id)
    expect(failed).toMatchObject({
      status: 'FAILED',
      steps: { 1: { status: 'COMPLETED' }, 2: { status: 'FAILED' } },
    })
    const told = await client.get<{ message: string; facts: object }>(
      `/tasks/${failed.steps['2']?.task_id}/explain`,
    )
    expect(told.body.message).toContain(`It is step "2" of the workflow ${id}.`)
    expect(told.body.message).toContain(`POST /workflows/${id}/retry`)
    expect(told.body.facts).toMatchObject({ workflow: id, step: '2', task_of_step: 1 })
    await expect
      .poll(async () => (await client.post(`/workflows/${id}/retry`)).status, { timeout: 30_000 })
      .toBe(200)
    const again = await ended(id)
    expect(again).toMatchObject({ status: 'FAILED', epoch: 2, steps: { 1: { status: 'COMPLETED' } } })
    expect((await client.get(`/tasks/${again.steps['2']?.task_id}`)).body).toMatchObject({ epoch: 2 })
    expect((await client.get(`/tasks/${again.steps['1']?.task_id}`)).body).toMatchObject({ epoch: 1 })

    const slow = await start({
      group: [
        { type: 'example.run', input: { name: 'a', seconds: 60 } },
        { type: 'example.run', input: { name: 'b', seconds: 60 } },
      ],
    })
    await expect.poll(async () => (await look(slow.id)).tasks).toBe(2)
    expect((await client.post(`/workflows/${slow.id}/cancel`)).status).toBe(200)
    expect((await client.post(`/workflows/${slow.id}/cancel`)).status).toBe(409)
    const { tasks } = (await client.get('/tasks?type=example.run')).body as unknown as {
      tasks: { id: string }[]
    }
    for (const task of tasks)
      await expect
        .poll(async () => (await client.get(`/tasks/${task.id}`)).body.status, { timeout: 30_000 })
        .toBe('CANCELLED')
  })

  it('mistakes are reported at once, with their path; the same idempotency key gives the same workflow', async () => {
    const wrong = await client.post('/workflows', {
      steps: { a: add('one', 2), b: add({ $from: 'c.result' }, 1) },
    })
    expect(wrong.status).toBe(422)
    expect(JSON.stringify(wrong.body)).toContain('steps.b.input.x')
    const typed = await client.post('/workflows', {
      chain: [add('one', 2), { type: 'nothing.here', input: {} }],
    })
    expect(typed.status).toBe(422)
    expect(JSON.stringify(typed.body)).toMatch(/chain\.0\.input\.x.*chain\.1\.type/)
    const key = { 'idempotency-key': 'flow-1' }
    const first = await start({ chain: [add(1, 1)] }, key)
    expect((await start({ chain: [add(1, 1)] }, key)).id).toBe(first.id)
    expect((await client.post('/workflows', { chain: [add(1, 2)] }, key)).status).toBe(422)
    expect((await client.get('/workflows/none')).status).toBe(404)
    const page = (await client.get('/workflows?limit=1')).body as unknown as {
      workflows: { id: string }[]
      next_cursor: string
    }
    expect(page.workflows).toHaveLength(1)
    expect((await client.get(`/workflows?limit=1&cursor=${page.next_cursor}`)).status).toBe(200)
  })
})

describe.skipIf(!hasBrowser)('workflows and schedules on the console’s pages', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())
  const open = (options = {}) => openPage(browser, running.url, options)

  it('a workflow is drawn with its states, updates them, and accepts a signal, a cancel and a retry', async () => {
    const { id } = await start({
      name: 'publish an article',
      on_failure: 'continue',
      steps: {
        research: add(1, 2),
        outline: add({ $from: 'research.result' }, 1),
        draft: add({ $from: 'outline.result' }, 1),
        risky: { type: 'text.generate', input: { prompt: 'x' }, model: 'simulated-refuse' },
        skipped: add({ $from: 'risky.result' }, 1),
        approve: { wait: { signal: 'approve' }, after: ['draft'] },
        publish: add({ $from: 'approve.result.amount' }, 1),
        later: { type: 'example.run', input: { name: 'later', seconds: 120 }, after: ['publish'] },
      },
    })
    await expect.poll(async () => (await look(id)).steps.approve?.status).toBe('RUNNING')
    await expect.poll(async () => (await look(id)).steps.skipped?.status).toBe('SKIPPED')
    const { page, faults } = await open({ viewport: { width: 1280, height: 900 } })
    await page.goto(`${running.url}/console/workflows`)
    await page.getByRole('link', { name: 'publish an article' }).click()
    await page.locator('svg.steps').waitFor()
    const stateOf = (name: string) =>
      page.locator(`svg.steps g[data-status]`, { hasText: name }).getAttribute('data-status')
    expect(await stateOf('risky')).toBe('FAILED')
    expect(await stateOf('skipped')).toBe('SKIPPED')
    // A box for each step, and a line for each dependency.
    expect(await page.locator('svg.steps g.step').count()).toBe(8)
    expect(await page.locator('svg.steps path').count()).toBe(6)
    await takePicture(page, 'workflow-light')
    await page.getByRole('button', { name: 'Send approve …' }).click()
    await page.getByRole('dialog').getByRole('textbox').fill('{"amount": 41}')
    await page.getByRole('dialog').getByRole('button', { name: 'Send approve' }).click()
    // Without a reload.
    await expect.poll(() => stateOf('later'), { timeout: 60_000 }).toBe('RUNNING')
    const step = (name: string) => page.getByRole('table', { name: 'Steps' }).getByRole('row', { name })
    expect(await step('publish').textContent()).toContain('1 of 1')
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the workflow' }).click()
    await expect.poll(() => stateOf('later')).toBe('CANCELLED')
    await page.getByRole('button', { name: 'Retry unfinished steps' }).waitFor()
    await expect
      .poll(
        async () => {
          await page
            .getByRole('button', { name: 'Retry unfinished steps' })
            .click({ timeout: 1_000 })
            .catch(() => undefined)
          return (await look(id)).epoch
        },
        { timeout: 90_000, interval: 2_000 },
      )
      .toBe(2)
    const phone = await open({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
    await phone.page.goto(`${running.url}/console/workflows/${id}`)
    await phone.page.locator('svg.steps').waitFor()
    await takePicture(phone.page, 'workflow-phone-dark')
    expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    await phone.page.goto(`${running.url}/console/workflows`)
    await phone.page.getByRole('link', { name: 'publish an article' }).waitFor()
    await takePicture(phone.page, 'workflows-phone-dark')
    await client.post(`/workflows/${id}/cancel`)
    // The page shows a refusal by the API; the browser also logs it as an error.
    expect([...faults, ...phone.faults].filter((fault) => !fault.includes('409'))).toEqual([])
  })

  it('schedules are described in words with their next times, and can be paused, run and deleted', async () => {
    const made = await client.post('/schedules', {
      name: 'weekday mail',
      cron: '0 9 * * MON-FRI',
      timezone: 'Europe/Berlin',
      task: add(20, 22),
    })
    expect(made.status).toBe(201)
    const { page, faults } = await open({ viewport: { width: 1280, height: 900 } })
    await page.goto(`${running.url}/console/schedules`)
    const card = page.getByRole('region', { name: 'Schedule weekday mail' })
    await card.waitFor()
    expect(await card.textContent()).toContain('At 09:00, Monday through Friday (Europe/Berlin)')
    expect(await card.locator('time').count()).toBe(5)
    await takePicture(page, 'schedules-light')
    await card.getByRole('button', { name: 'Run now' }).click()
    await page.getByText('A task is submitted.').waitFor()
    await card.getByRole('button', { name: 'Pause' }).click()
    await card.getByText('paused', { exact: true }).waitFor()
    expect(await card.locator('time').count()).toBe(0)
    await card.getByRole('button', { name: 'Resume' }).click()
    await expect.poll(() => card.locator('time').count()).toBe(5)
    const phone = await open({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
    await phone.page.goto(`${running.url}/console/schedules`)
    await phone.page.getByRole('region', { name: 'Schedule weekday mail' }).waitFor()
    await takePicture(phone.page, 'schedules-phone-dark')
    expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    await card.getByRole('button', { name: 'Delete …' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete the schedule' }).click()
    await card.waitFor({ state: 'detached' })
    expect((await client.get(`/schedules/${made.body.id}`)).status).toBe(404)
    expect([...faults, ...phone.faults]).toEqual([])
  })
})
