import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasBrowser, openBrowser, openPage, takePicture } from '../fixtures/browser.ts'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { startTestRuntime } from '../fixtures/running.ts'

let server: Awaited<ReturnType<typeof startModelServer>>
let runtime: Awaited<ReturnType<typeof startTestRuntime>>
let client: Client
let base: string
const told: string[] = []

beforeAll(async () => {
  server = await startModelServer()
  const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
  runtime = await startTestRuntime(env, { tell: (text) => told.push(text) })
  client = new Client(runtime.url)
  base = `${runtime.url}/console`
})
afterAll(async () => {
  await runtime.stop()
  await server.stop()
})

const PAGES = [
  ...['', '/tasks', '/submit', '/lanes', '/workers', '/logs', '/dashboard', '/dashboard/lanes'],
  ...['/alarms', '/runbook', '/webhooks', '/outbox'],
] as const

describe('the console over HTTP', () => {
  const call = (headers: Record<string, string>, body: object) =>
    fetch(`${base}/call`, { method: 'POST', headers, body: JSON.stringify(body) })
  const view = () => String(runtime.plan.functions.find(({ name }) => name === 'OpsView')?.arn)

  it('calls only functions that a dashboard names, and only for its own page', async () => {
    const json = { 'content-type': 'application/json' }
    const good = await call(json, { endpoint: `${view()}:live`, event: {} })
    expect(good.status).toBe(200)
    expect(await good.text()).toContain('Running, and waiting')
    const worker = String(runtime.plan.functions.find(({ name }) => name === 'SweeperSweep')?.arn)
    expect((await call(json, { endpoint: worker, event: {} })).status).toBe(403)
    expect((await call(json, { endpoint: 'arn:aws:lambda', event: {} })).status).toBe(403)
    expect((await call({ 'content-type': 'text/plain' }, { endpoint: view(), event: {} })).status).toBe(415)
    const got = await fetch(`${base}/call`)
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST'])
  })

  it('answers clearly to requests for what it does not have', async () => {
    expect((await fetch(`${base}/nowhere`)).status).toBe(404)
    expect((await fetch(`${base}/data/dashboard?index=9`)).status).toBe(404)
    const deleted = await fetch(`${base}/data/alarms`, { method: 'DELETE' })
    expect([deleted.status, deleted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(deleted.headers.get('content-type')).toBe('application/problem+json')
    expect(await deleted.json()).toMatchObject({
      status: 405,
      title: 'Method Not Allowed',
      detail: '/console/data/alarms takes GET, HEAD, not DELETE.',
    })
    const bad = await fetch(`${base}/call`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    })
    expect(bad.status).toBe(400)
    const json = { 'content-type': 'application/json' }
    const nested = `${'{"a":'.repeat(6_000)}1${'}'.repeat(6_000)}`
    for (const [body, status] of [
      ['{"event": {}}', 400],
      ['[]', 400],
      [`{"endpoint": "x", "event": "${'y'.repeat(300_000)}"}`, 413],
      [`{"endpoint": "${view()}", "event": ${nested}}`, 502],
    ] as const)
      expect((await fetch(`${base}/call`, { method: 'POST', headers: json, body })).status).toBe(status)
    for (const event of [
      { view: 'search', widgetContext: { forms: { all: { task_id: 'x'.repeat(3_000) } } } },
      { view: 'task', tenant: '\ud800', id: 'x' },
      { view: 'task', tenant: 5 },
    ]) {
      const answer = await call(json, { endpoint: view(), event })
      expect(answer.status).toBe(200)
      expect(await answer.text()).toContain('cannot be shown')
    }
    expect((await fetch(`${runtime.url}/consoles`)).status).toBe(404)
  })
})

describe('pages of other sites', () => {
  const send = (method: string, path: string, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const { port } = new URL(runtime.url)
      request({ port, method, path, headers, host: '127.0.0.1' }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })

  it('can neither read nor change anything, whatever host name they use', async () => {
    for (const path of ['/console', '/api/v1/tasks', '/console/data/logs'])
      expect(await send('GET', path, { host: 'evil.test:3000' })).toBe(403)
    // A page of another port of this machine may call the API (CORS), one of another site may not, nor the console.
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'http://evil.test' },
    ] as const)
      expect(await send('POST', '/api/v1/queues/email/pause', headers)).toBe(403)
    expect(await send('GET', '/console/data/logs', { origin: 'http://localhost:5173' })).toBe(404)
    expect(
      (await client.get<{ queues: { is_paused: boolean }[] }>('/queues')).body.queues,
    ).not.toContainEqual(expect.objectContaining({ is_paused: true }))
    expect(await send('GET', '/api/v1/tasks', { 'sec-fetch-site': 'cross-site' })).toBe(403)
    // A link on another site that a person follows.
    const followed = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    }
    expect(await send('GET', '/api/v1/docs', followed)).toBe(200)
    expect(await send('GET', '/api/v1/tasks', { host: 'localhost:3000' })).toBe(200)
  })
})

describe.skipIf(!hasBrowser)('the console in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
    await Promise.all(
      Array.from({ length: 6 }, async (_, index) =>
        client.done((await client.submit({ prompt: `number ${index}`, model: 'stub-50' })).id),
      ),
    )
  })
  afterAll(() => browser.close())

  const open = (options = {}) => openPage(browser, runtime.url, options)
  const section = (page: Page, title: string) =>
    page.locator('section', { has: page.locator('h2', { hasText: title }) })

  it('draws every widget of the template’s dashboards', async () => {
    const { page, faults } = await open({ viewport: { width: 1400, height: 1000 } })
    for (const [index, path] of ['/dashboard', '/dashboard/lanes'].entries()) {
      const { widgets } = runtime.plan.dashboards.map(
        ({ body }) => body as { widgets: { properties: { title?: string } }[] },
      )[index] ?? { widgets: [] }
      await page.goto(`${base}${path}?minutes=15`)
      await page
        .locator('section')
        .nth(widgets.length - 1)
        .waitFor()
      const titles = await page.locator('section > h2').allTextContents()
      expect(titles).toEqual(widgets.map(({ properties }) => properties.title).filter(Boolean))
    }
    await page.goto(`${base}/dashboard?minutes=15`)
    const tasks = section(page, 'Tasks a minute')
    await expect.poll(() => tasks.locator('.u-legend .u-label').allTextContents()).toContain('submitted')
    // Axes and grid are grey; coloured elements are values.
    const inked = () =>
      tasks.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
        const { width, height } = canvas
        const pixels = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? []
        let count = 0
        for (let at = 0; at < pixels.length; at += 4)
          if (Math.abs((pixels[at + 2] ?? 0) - (pixels[at] ?? 0)) > 100) count += 1
        return count
      })
    await expect.poll(inked).toBeGreaterThan(3)
    await section(page, 'Slowest tasks').locator('tbody tr').first().waitFor()
    await section(page, 'Tasks and queues, live').getByText('Running, and waiting').waitFor()
    expect(await section(page, 'Are we healthy?').locator('li').count()).toBe(runtime.plan.alarms.length)
    await takePicture(page, 'overview')
    expect(faults).toEqual([])
    await page.close()
  })

  it('shows every page, in light and dark, without horizontal scrolling on a phone', async () => {
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [390, 1_280]) {
        const { page, faults } = await open({ colorScheme, viewport: { width, height: 844 } })
        for (const path of PAGES) {
          await page.goto(`${base}${path}`)
          await page.locator('#health a').waitFor()
          await page.locator('main > *').first().waitFor()
          await page.waitForLoadState('networkidle')
          const overflow = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          )
          expect(`${path} ${width} ${overflow}`).toBe(`${path} ${width} 0`)
          const paper = await page.evaluate('getComputedStyle(document.body).backgroundColor')
          expect(paper).toBe(colorScheme === 'dark' ? 'rgb(20, 23, 28)' : 'rgb(246, 247, 249)')
          if (path === '' || path === '/alarms')
            await takePicture(page, `${path.slice(1) || 'first'}-${colorScheme}-${width}`)
        }
        expect(faults).toEqual([])
        await page.close()
      }
  })

  it('the first screen has numbers that link to their tasks, and the newest tasks', async () => {
    const { page, faults } = await open()
    const { id } = await client.submit({ prompt: 'the first of the day', model: 'stub-0' })
    await client.done(id)
    await page.goto(base)
    await page
      .locator('table.list tbody tr', { hasText: 'the first of the day' })
      .getByText('completed')
      .waitFor()
    await page
      .locator('.tile', { hasText: 'runs in 24 h' })
      .locator('b')
      .filter({ hasText: /[1-9]/ })
      .waitFor()
    await page.locator('.tile', { hasText: 'failed runs' }).click()
    await page.waitForURL(/status=FAILED/)
    expect(await page.getByText('Tenant').count()).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('the list filters by states, words, type and lane, counts, and loads more rows while scrolling', async () => {
    const { page, faults } = await open({ viewport: { width: 1280, height: 700 } })
    const texts = Array.from({ length: 70 }, (_, index) => `needle number-${index}-`)
    const made = await Promise.all(texts.map((prompt) => client.submit({ prompt, model: 'stub-0' })))
    await Promise.all(made.map(({ id }) => client.done(id)))
    await page.goto(`${base}/tasks`)
    await page.getByRole('searchbox').fill('needle')
    await page.getByText('50 of 70').or(page.getByText('70 of 70')).waitFor()
    await page.locator('.count').scrollIntoViewIfNeeded()
    await page.getByText('70 of 70').waitFor()
    await page.getByRole('searchbox').fill('needle number-69-')
    await page.getByText('1 of 1').waitFor()
    await page.getByRole('searchbox').fill('needle')
    await page.getByRole('button', { name: /failed/ }).click()
    await page.getByText('No task matches these filters.').waitFor()
    await page.getByRole('button', { name: /completed/ }).click()
    await page.getByText('of 70').waitFor()
    expect(new URL(page.url()).searchParams.get('status')).toBe('FAILED,COMPLETED')
    await page.reload()
    await page.getByText('of 70').waitFor()
    await page.getByLabel('all types').selectOption('text.generate')
    await page.getByLabel('all lanes').selectOption('ai')
    await page.getByText('of 70').waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('filters are stored under a name, and the chosen columns are stored', async () => {
    const { page, faults } = await open()
    const tagged = await client.submit({ prompt: 'for the view', model: 'stub-0', tags: ['nightly'] })
    await client.done(tagged.id)
    await page.goto(`${base}/tasks?text=view&status=COMPLETED`)
    await page.getByText('1 of 1').waitFor()
    await page.getByRole('button', { name: 'Save as view …' }).click()
    await page.keyboard.type('Nightly')
    await page.keyboard.press('Enter')
    await page.getByText('Columns').click()
    await page.getByRole('checkbox', { name: 'Tags' }).check()
    await page.getByRole('checkbox', { name: 'Cost' }).uncheck()
    await page.goto(`${base}/tasks`)
    await page.getByRole('link', { name: 'Nightly' }).click()
    await page.getByText('1 of 1').waitFor()
    expect(new URL(page.url()).search).toBe('?text=view&status=COMPLETED')
    const heads = (await page.locator('table.list th').allTextContents()).map((text) => text.trim())
    expect(heads).toEqual(['', 'Status', 'Task', 'Type', 'Lane', 'Model', 'Tags', 'Attempts', 'Ran', 'Age ↓'])
    expect(await page.locator('table.list tbody tr').first().textContent()).toContain('nightly')
    await page.getByText('Columns').click()
    await page.getByRole('button', { name: 'Reset' }).click()
    await page.getByRole('button', { name: /Delete view/ }).click()
    await page.reload()
    await page.getByText('1 of 1').waitFor()
    expect(await page.getByRole('link', { name: 'Nightly' }).count()).toBe(0)
    expect(await page.locator('th', { hasText: 'Cost' }).count()).toBe(1)
    expect(faults).toEqual([])
    await page.close()
  })

  it('many tasks are retried at once, after the console has said which', async () => {
    const { page, faults } = await open()
    server.trouble = 401
    const failed = await Promise.all(
      [1, 2, 3].map((n) => client.submit({ prompt: `many ${n}`, model: 'stub-0' })),
    )
    for (const { id } of failed) await client.done(id)
    server.trouble = undefined
    const fine = await client.submit({ prompt: 'many fine', model: 'stub-0' })
    await client.done(fine.id)
    await page.goto(`${base}/tasks?text=many`)
    await page.getByText('4 of 4').waitFor()
    await page.getByLabel('Select all shown').check()
    await page.getByRole('button', { name: 'Retry …' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Retry 3 of 4 tasks?').waitFor()
    expect(await dialog.locator('tr', { hasText: 'completed' }).textContent()).toContain('stays as it is')
    expect((await client.get<{ epoch: number }>(`/tasks/${failed[0]?.id}`)).body.epoch).toBe(1)
    await dialog.getByRole('button', { name: 'Retry 3' }).click()
    await page.getByText('3 of 3 run again.').waitFor()
    for (const { id } of failed)
      expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', epoch: 2 })
    expect(faults.filter((text) => !text.includes('favicon'))).toEqual([])
    await page.close()
  })

  it('on a phone many tasks can be selected, and the list is as wide as the screen', async () => {
    const { page, faults } = await open({ viewport: { width: 390, height: 844 } })
    for (const prompt of ['thumb one', 'thumb two']) {
      const { id } = await client.submit({ prompt, model: 'stub-0' })
      await client.done(id)
    }
    await page.goto(`${base}/tasks?text=thumb`)
    await page.getByText('2 of 2').waitFor()
    for (const box of await page.getByLabel(/^Select .{26}$/).all()) {
      await box.check()
      expect((await box.boundingBox())?.width).toBeGreaterThanOrEqual(20)
    }
    await page.getByText('2 selected').waitFor()
    const spaces = await page.evaluate(
      `[document.documentElement, document.querySelector('.scroll')].map((part) => part.scrollWidth - part.clientWidth)`,
    )
    expect(spaces).toEqual([0, 0])
    await takePicture(page, 'selected-light-390')
    expect(faults).toEqual([])
    await page.close()
  })

  it('a bulk redrive shows the errors first, restarts the failed tasks, and leaves cancelled ones', async () => {
    const { page, faults } = await open()
    server.trouble = 401
    const [failed, cancelled] = await Promise.all([
      client.submit({ prompt: 'bulk redrive one', model: 'stub-0' }),
      client.submit({ prompt: 'bulk redrive two', model: 'stub-0', delay_seconds: 600 }),
    ])
    expect((await client.done(failed.id)).status).toBe('FAILED')
    server.trouble = undefined
    await client.post(`/tasks/${cancelled.id}/cancel`)
    await page.goto(`${base}/tasks?text=bulk`)
    await page.getByText('2 of 2').waitFor()
    await page.getByLabel('Select all shown').check()
    await page.getByRole('button', { name: 'Redrive failed …' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Redrive 1 of 2 tasks?').waitFor()
    expect(await dialog.locator('tr').allTextContents()).toEqual(
      expect.arrayContaining(['failed: provider_unauthorized1will be run again', 'cancelled1stays as it is']),
    )
    await dialog.getByRole('button', { name: 'Redrive 1' }).click()
    await page.getByText('1 of 1 run again.').waitFor()
    const epochOf = async (id: string) => (await client.get<{ epoch: number }>(`/tasks/${id}`)).body.epoch
    expect([await epochOf(failed.id), await epochOf(cancelled.id)]).toEqual([2, 1])
    // Deletes its dead letter, because the alarm's test counts dead letters.
    expect((await client.done(failed.id)).status).toBe('COMPLETED')
    expect(faults).toEqual([])
    await page.close()
  })

  it('a task has a short address, and shows result, input, attempts, log lines', async () => {
    const { page, faults } = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
    const { id } = await client.submit({ prompt: "it's <b>bold</b>", model: 'stub-0' })
    const { result } = await client.done(id)
    await page.goto(`${base}/tasks/${id}`)
    await page.getByRole('region', { name: 'Result' }).getByText(String(result)).waitFor()
    await page.getByRole('region', { name: 'Input' }).getByText("it's <b>bold</b>").waitFor()
    await page.getByRole('region', { name: 'Attempts' }).getByText('attempt 1').waitFor()
    await page.getByRole('region', { name: 'Log' }).getByText('task.completed').waitFor()
    await page.getByRole('button', { name: 'Copy as curl' }).click()
    const curl = String(await page.evaluate('navigator.clipboard.readText()'))
    const { stdout } = await promisify(execFile)('sh', ['-c', `${curl} -s`])
    expect(JSON.parse(stdout)).toMatchObject({ prompt: "it's <b>bold</b>", status: 'PENDING' })
    await page.getByRole('link', { name: 'Retry with changes' }).click()
    await page.waitForURL(/submit\?from=/)
    await expect
      .poll(() => page.getByRole('textbox', { name: /^prompt/ }).inputValue())
      .toBe("it's <b>bold</b>")
    expect(faults).toEqual([])
    await page.close()
  })

  it('a text in Markdown is shown formatted, and nothing in it runs or loads from elsewhere', async () => {
    const { page, faults } = await open()
    const prompt = [
      'as **bold**\n\n## Part\n\n- one\n- two\n\n| a | b |\n| - | - |\n| 1 | 2 |\n',
      '<script>document.title = "taken"</script><img src="https://example.com/x.png" onerror="document.title = 1">',
      '[away](javascript:alert(1)) <form action="https://example.com"><input></form>',
    ].join('\n\n')
    const { id } = await client.submit({ prompt, model: 'stub-0' })
    await client.done(id)
    await page.goto(`${base}/tasks/${id}`)
    const result = page.getByRole('region', { name: 'Result' })
    await result.getByRole('heading', { name: 'Part' }).waitFor()
    expect(await result.locator('li').allTextContents()).toEqual(['one', 'two'])
    expect(await result.locator('td').allTextContents()).toEqual(['1', '2'])
    expect(await result.locator('script, img, form, input, [onerror], a[href^="javascript"]').count()).toBe(0)
    await result.getByRole('button', { name: 'Show source' }).click()
    await result.getByText('## Part').waitFor()
    expect(await page.title()).not.toContain('taken')
    // The browser logs the event handler that it refused while the text was sanitized.
    expect(faults.filter((text) => !text.includes('inline event handler'))).toEqual([])
    await page.close()
  })

  it('a form made from the type’s schema submits, and shows an error at its field', async () => {
    const { page } = await open()
    await page.goto(`${base}/submit`)
    await page.getByLabel('Type').selectOption('example.add')
    await page.getByLabel('x *').fill('4')
    await page.getByLabel('y *').fill('many')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.locator('label', { hasText: 'y *' }).locator('small.failure').waitFor()
    await page.getByLabel('y *').fill('5')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.waitForURL(/\/console\/tasks\/\w+$/)
    await page.getByRole('region', { name: 'Result' }).getByText('9').waitFor()
    await page.close()
  })

  it('a form hides its optional fields in a closed section, and offers a choice for yes or no', async () => {
    const { page, faults } = await open()
    await page.goto(`${base}/submit`)
    await page.getByRole('textbox', { name: /^model / }).fill('stub-0')
    await page.getByText(/more fields: .*share_call/).click()
    await page.getByRole('combobox', { name: /^share_call/ }).selectOption('true')
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.waitForURL(/\/console\/tasks\/\w+$/)
    const { body } = await client.get<{ input: unknown }>(`/tasks/${page.url().split('/').at(-1)}`)
    expect(body.input).toMatchObject({ share_call: true })
    expect(faults).toEqual([])
    await page.close()
  })

  it('a mail is shown as a mail: recipients, subject and text', async () => {
    const { page, faults } = await open()
    const { id } = await client.submit({
      type: 'email.send',
      input: { to: ['ada@example.com'], subject: 'The report', text: 'first\n\nsecond' },
    })
    await client.done(id)
    await page.goto(`${base}/tasks/${id}`)
    const mail = page.getByRole('region', { name: 'Result' }).locator('.mail')
    await mail.locator('.text').waitFor()
    expect(await mail.locator('dd').allTextContents()).toEqual(['ada@example.com', 'The report'])
    expect(await mail.locator('.text').textContent()).toBe('first\n\nsecond')
    expect(faults).toEqual([])
    await page.close()
  })

  it('pages work in a browser that blocks its storage', async () => {
    const { page, faults } = await open()
    await page.addInitScript(`
      const refuse = { get() { throw new DOMException('Access is denied.', 'SecurityError') } }
      Object.defineProperties(window, { localStorage: refuse, sessionStorage: refuse })
    `)
    await page.goto(`${base}/tasks?text=number`)
    await page.locator('tbody tr').first().waitFor()
    await page.getByText('Columns').click()
    await page.getByRole('checkbox', { name: 'Tags' }).check()
    await page.getByRole('columnheader', { name: 'Tags' }).waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('the lanes page pauses and redrives with labelled buttons, and closes empty sections', async () => {
    const { page, faults } = await open()
    await page.goto(`${base}/lanes`)
    await page.getByText(/\d empty: .*documents/).waitFor()
    const lane = page.getByRole('region', { name: 'Lane ai' })
    await lane.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Pause ai' }).click()
    await lane.getByText('paused').waitFor()
    await lane.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('button', { name: 'Resume ai' }).click()
    await expect.poll(() => lane.getByText('paused').count()).toBe(0)
    expect(faults).toEqual([])
    await page.close()
  })

  it('finds log lines and follows them', async () => {
    const { page, faults } = await open()
    await page.goto(`${base}/logs`)
    await page.locator('ol.log li').first().waitFor()
    const { id } = await client.submit({ type: 'example.add', input: { x: 1, y: 2 } })
    await page.getByRole('searchbox').fill(id)
    // A poll in progress shows the earlier lines for a moment.
    await page.locator('ol.log li', { hasText: 'task.completed' }).filter({ hasText: id }).waitFor()
    await expect.poll(() => page.locator('ol.log li').filter({ hasNotText: id }).count()).toBe(0)
    await page.getByRole('searchbox').fill('')
    const next = await client.submit({ type: 'example.add', input: { x: 3, y: 4 } })
    await page.locator('ol.log li', { hasText: next.id }).first().waitFor()
    const line = page.locator('ol.log li', { hasText: next.id }).first()
    await line.locator('summary').click()
    await line.locator('pre', { hasText: '"task_id"' }).waitFor()
    expect(faults).toEqual([])
    await page.close()
  })

  it('shows environments, event sources and timers', async () => {
    const { page, faults } = await open()
    const { id } = await client.submit({ type: 'example.run', input: { name: 'seen', seconds: 20 } })
    await client.until(id, ({ status }) => status === 'PROCESSING')
    await page.goto(`${base}/workers`)
    await page
      .locator('[data-part=environments] tr', { hasText: 'worker of lane demo' })
      .filter({ hasText: id })
      .filter({ hasText: 'MB' })
      .waitFor()
    const timer = page.locator('[data-part=timers] tr', { hasText: 'rate(1 minute)' })
    expect(await timer.textContent()).toMatch(/SweeperSweep.*in \d+ s, at \d{4}-\d\d-\d\dT/)
    expect(await page.locator('[data-part=sources] tbody tr').count()).toBe(runtime.plan.eventSources.length)
    await client.post(`/tasks/${id}/cancel`)
    expect(faults).toEqual([])
    await page.close()
  })

  it('an outage on purpose: the alarm starts, its runbook says what to do, one redrive repairs it, the alarm ends', async () => {
    const { page, faults } = await open({ viewport: { width: 1400, height: 1000 } })
    server.trouble = 401
    const failed = await Promise.all(
      Array.from({ length: 3 }, () => client.submit({ prompt: 'no key', model: 'stub-0' })),
    )
    for (const { id } of failed) expect((await client.done(id)).status).toBe('FAILED')
    await page.goto(`${base}/dashboard`)
    const pill = section(page, 'Are we healthy?').locator('li', { hasText: 'DeadLetters-ai' })
    await expect.poll(() => pill.getAttribute('data-state'), { timeout: 30_000 }).toBe('ALARM')
    await page.locator('#health', { hasText: 'alarm' }).waitFor()
    // The sweeper reads the dead letters, which makes them invisible for 20 s; they still exist and are counted.
    await runtime.pool('SweeperSweep').invoke({})
    const deadLetters = async () => {
      const data = await fetch(`${base}/data/dashboard?index=0&minutes=5`)
      const widgets = (await data.json()) as { title: string; content: { series?: { values: number[] }[] } }[]
      return widgets.find(({ title }) => title === 'Now')?.content.series?.[1]?.values[0]
    }
    await expect.poll(deadLetters, { timeout: 60_000, interval: 2_000 }).toBe(3)
    await expect.poll(() => told.join()).toContain('TaskRunner-local-DeadLetters-ai')
    await takePicture(page, 'outage')
    await pill.locator('a').click()
    await page.locator('tr', { hasText: 'DeadLetters-ai' }).getByText('Runbook').click()
    await page.waitForURL(/runbook#deadletters/)
    await page.locator('#deadletters').waitFor()
    await takePicture(page, 'outage-runbook')

    server.trouble = undefined
    await page.goto(`${base}/dashboard`)
    const table = section(page, 'Tasks and queues, live')
    const lane = table.locator('tr', { has: page.locator('b', { hasText: /^ai$/ }) })
    await lane.getByRole('button', { name: 'Count failed' }).focus()
    await page.keyboard.press('Enter')
    await page.locator('dialog').getByRole('button', { name: 'Count failed' }).click()
    await page.getByText('3 failed tasks of lane ai would run again').waitFor()
    await takePicture(page, 'outage-dry-run')
    await page.getByRole('button', { name: 'Close' }).click()
    await lane.getByRole('button', { name: 'Redrive all failed' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect((await client.get<{ epoch: number }>(`/tasks/${failed[0]?.id}`)).body.epoch).toBe(1)
    await lane.getByRole('button', { name: 'Count failed' }).click()
    await page.locator('dialog').getByRole('button', { name: 'Count failed' }).click()
    await page.getByRole('button', { name: 'Redrive 3 with provider_unauthorized only' }).click()
    await page.locator('dialog').last().getByRole('button', { name: 'Redrive 3 with' }).click()
    await page.getByText('3 failed tasks of lane ai run again').waitFor()
    for (let open = await page.locator('dialog').count(); open > 0; open -= 1)
      await page.getByRole('button', { name: 'Close' }).last().click()
    for (const { id } of failed)
      expect(await client.done(id)).toMatchObject({ status: 'COMPLETED', epoch: 2 })
    await expect.poll(() => pill.getAttribute('data-state'), { timeout: 90_000 }).toBe('OK')
    await page.goto(`${base}/alarms`)
    await page.locator('[data-part=changes] tr', { hasText: 'DeadLetters-ai' }).nth(1).waitFor()
    await takePicture(page, 'outage-over')
    expect(faults).toEqual([])
    await page.close()
  })

  it('finds a task with the keyboard, shows its history, and keeps showing it', async () => {
    const { page, faults } = await open({ viewport: { width: 1400, height: 1000 } })
    const { id } = await client.submit({ prompt: '<img src=x onerror=alert(1)>', model: 'stub-0' })
    await client.done(id)
    await page.goto(`${base}/dashboard`)
    const table = section(page, 'Tasks and queues, live')
    const shown = table.getByRole('heading', { name: `Task ${id}` })
    await table.locator('input[name=task_id]').fill(id)
    await page.keyboard.press('Enter')
    await shown.waitFor()
    await table.getByText('<img src=x onerror=alert(1)>', { exact: true }).waitFor()
    await table.getByRole('heading', { name: 'Attempts: 1 of' }).waitFor()
    await takePicture(page, 'widget-task')
    await page.locator('h2', { hasText: 'Are we healthy?' }).click()
    await page.waitForTimeout(11_000)
    expect(await shown.count()).toBe(1)
    await page.reload()
    await shown.waitFor()
    await page.goBack()
    await table.getByText('Running, and waiting').waitFor()
    await page.goForward()
    await shown.waitFor()
    await table.getByRole('button', { name: 'Overview' }).click()
    await table.getByText('Running, and waiting').waitFor()
    expect(faults).toEqual([])
    await page.close()
  })
})
