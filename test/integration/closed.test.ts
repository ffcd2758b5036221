import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { hasBrowser, openBrowser, openPage } from '../fixtures/browser.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** Everything that a user of `AUTH=keys npm start` has in hand, with a key and without. */
let runtime: Awaited<ReturnType<typeof startTestRuntime>>
let admin: Client
let key: string
beforeAll(async () => {
  runtime = await startTestRuntime({ AUTH: 'keys' })
  key = (await makeAdminKey((event) => runtime.pool('Keys').invoke(event), Date.now()))?.key ?? ''
  admin = new Client(runtime.url, key)
})
afterAll(() => runtime.stop())

const keyOf = async (tenant: string, scopes: readonly string[]): Promise<string> =>
  (await admin.post<{ key: string }>('/keys', { name: 'test', tenant, scopes })).body.key

const look = (path: string, own?: string) =>
  fetch(`${runtime.url}/console${path}`, { headers: own ? { 'x-api-key': own } : {} })

const DATA = ['dashboard', 'alarms', 'logs', 'tasks', 'task-ids', 'facets', 'functions', 'runbook', 'nothing']

describe('the console of a closed stage', () => {
  it.each(DATA)('shows no %s without a key, nor with one that opens nothing', async (name) => {
    for (const own of [undefined, 'tk_x_y', `${key.slice(0, -4)}AAAA`]) {
      const answer = await look(`/data/${name}`, own)
      expect([own, answer.status]).toEqual([own, 401])
    }
    expect((await look(`/data/${name}`, key)).status).toBe(name === 'nothing' ? 404 : 200)
  })

  it('shows what all tenants share to operators alone, and each tenant its own tasks', async () => {
    const [mine, theirs] = [
      await keyOf('a', ['tasks:read', 'tasks:write']),
      await keyOf('b', ['tasks:read', 'ops:read']),
    ]
    const { body } = await new Client(runtime.url, mine).post<{ id: string }>('/tasks', {
      type: 'example.add',
      input: { x: 1, y: 2 },
    })
    expect((await look('/data/logs', mine)).status).toBe(403)
    expect((await look('/outbox', mine)).headers.get('content-type')).toContain('text/html')
    const seen = async (own: string) => (await look('/data/tasks', own)).text()
    await expect.poll(() => seen(mine)).toContain(body.id)
    expect(await seen(theirs)).not.toContain(body.id)
    expect(await seen(key)).not.toContain(body.id)
  })

  it('calls a dashboard’s function for nobody without ops:write', async () => {
    const endpoint = runtime.plan.functions.find(({ name }) => name === 'OpsView')?.arn
    const call = (own: Record<string, string>) =>
      fetch(`${runtime.url}/console/call`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...own },
        body: JSON.stringify({ endpoint, event: {} }),
      })
    expect((await call({})).status).toBe(401)
    expect((await call({ 'x-api-key': await keyOf('a', ['tasks:read', 'ops:read']) })).status).toBe(403)
    expect((await call({ 'x-api-key': key })).status).toBe(200)
  })
})

describe('the command line, with a key', () => {
  const cli = (...args: string[]) =>
    run(process.execPath, [join(ROOT, 'bin/taskrunner.ts'), '--base', runtime.url, '--json', ...args], {
      env: { ...process.env, TASKRUNNER_KEY: key, TASKRUNNER_PROFILE: '', CI: '' },
    })

  it('makes, lists, rotates and revokes keys, tells who did it, and deletes what a tenant had', async () => {
    const made = JSON.parse(
      (await cli('keys', 'create', 'site', '--scope', 'tasks:write', '--tenant', 'c')).stdout,
    )
    expect(made).toMatchObject({ tenant: 'c', key: expect.stringMatching(/^tk_/) })
    const { body } = await new Client(runtime.url, made.key).post<{ id: string }>('/tasks', {
      type: 'example.add',
      input: { x: 1, y: 2 },
    })
    const next = JSON.parse((await cli('keys', 'rotate', made.id, '--overlap', '1h')).stdout)
    await cli('keys', 'revoke', made.id)
    const listed = (await cli('keys', '--tenant', 'c')).stdout
    expect(listed).toContain(next.id)
    expect(listed).not.toContain(next.key.slice(-43))
    const told = (await cli('audit')).stdout
    for (const word of ['POST /keys', 'POST /keys/{id}/rotate', 'DELETE /keys/{id}'])
      expect(told).toContain(word)
    await expect
      .poll(
        async () =>
          (await new Client(runtime.url, await keyOf('c', ['tasks:read'])).get(`/tasks/${body.id}`)).body,
      )
      .toMatchObject({ status: 'COMPLETED' })
    await cli('erase', '--tenant', 'c', '--yes')
    const later = new Client(runtime.url, await keyOf('c', ['tasks:read', 'ops:read']))
    expect((await later.get(`/tasks/${body.id}`)).status).toBe(404)
    const { body: stats } = await later.get<{ groups?: unknown }>('/stats')
    expect(JSON.stringify(stats)).not.toContain('example.add')
  })

  it('is told what to do without one', async () => {
    const failure = await run(
      process.execPath,
      [join(ROOT, 'bin/taskrunner.ts'), '--base', runtime.url, 'list'],
      { env: { ...process.env, TASKRUNNER_KEY: '', TASKRUNNER_PROFILE: '' } },
    ).catch((cause: { stderr: string; code: number }) => cause)
    expect(failure).toMatchObject({ code: 4, stderr: expect.stringContaining('TASKRUNNER_KEY') })
  })

  it('lets agents in over stdio with the key', async () => {
    const child = run(process.execPath, [join(ROOT, 'bin/taskrunner.ts'), '--base', runtime.url, 'mcp'], {
      env: { ...process.env, TASKRUNNER_KEY: key, TASKRUNNER_PROFILE: '' },
    })
    child.child.stdin?.end(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })}\n`)
    expect((await child).stdout).toContain('example.add')
  })
})

describe.skipIf(!hasBrowser)('the pages of a closed stage, in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())
  /** A browser tells of every refusal; a policy that was broken or a failed script is another thing. */
  const real = (faults: readonly string[]) => faults.filter((text) => !text.includes('status of 401'))

  it('the console asks for a key once, asks again for a wrong one, and then works on every page', async () => {
    const { page, faults } = await openPage(browser, runtime.url)
    await page.goto(`${runtime.url}/console`)
    const dialog = page.getByRole('dialog', { name: 'API key' })
    await dialog.getByLabel('API key').fill('tk_wrong')
    await dialog.getByRole('button', { name: 'Open' }).click()
    await page.getByText('That key opens nothing here').waitFor()
    await dialog.getByLabel('API key').fill(key)
    await dialog.getByRole('button', { name: 'Open' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Forget key' }).waitFor()
    const { body } = await admin.post<{ id: string }>('/tasks', { prompt: 'Seen with a key' })
    for (const path of [
      '/tasks',
      '/submit',
      '/lanes',
      '/workers',
      '/logs',
      '/dashboard',
      '/schedules',
      '/outbox',
    ]) {
      await page.goto(`${runtime.url}/console${path}`)
      await page.locator('main :first-child').first().waitFor()
      expect([path, await page.getByRole('dialog').count()]).toEqual([path, 0])
    }
    await page.goto(`${runtime.url}/console/tasks/${body.id}`)
    await page.getByText('Seen with a key').first().waitFor()
    // In this tab alone, and in nothing that outlives it.
    const kept = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href])
    expect(kept.join(' ')).not.toContain('tk_')
    await page.getByRole('button', { name: 'Forget key' }).click()
    await page.getByRole('dialog', { name: 'API key' }).waitFor()
    expect(real(faults)).toEqual([])
    await page.close()
  })

  it('the docs page tries a route with the key that is typed there', async () => {
    const { page, faults } = await openPage(browser, runtime.url)
    await page.goto(`${runtime.url}/api/v1/docs`)
    await page.getByRole('button', { name: 'Authorize' }).first().click()
    const form = page.locator('.modal-ux')
    await form.getByRole('textbox').first().fill(key)
    await form.locator('button[type=submit]').first().click()
    await form.getByRole('button', { name: 'Close' }).click()
    await page.locator('[id$=listQueues] .opblock-summary-control').first().click()
    await page.getByRole('button', { name: 'Execute' }).first().click()
    await page.locator('.live-responses-table .response-col_status', { hasText: '200' }).first().waitFor()
    expect(real(faults)).toEqual([])
    await page.close()
  })
})

describe('what such a run leaves behind', () => {
  it('has no key, no pepper and no prompt in logs, metrics and whatever else is no row and no object', async () => {
    const prompt = 'Sentinel 6f1d of a prompt'
    const { body } = await admin.post<{ id: string }>('/tasks', { prompt })
    await admin.done(body.id)
    await admin.post('/tasks', { prompt, model: 'no-such-model' })
    await admin.post('/tasks', { prompt, type: 'nothing.such' })
    await admin.done(
      (await admin.post<{ id: string }>('/tasks', { prompt, model: 'simulated-refuse' })).body.id,
    )
    const pepper = await readFile(join(runtime.stateDir, 'key-pepper'), 'utf8')
    const files = await readdir(runtime.stateDir, { recursive: true, withFileTypes: true })
    // Rows and objects are what a stage keeps; the pepper is a file that its owner alone reads.
    const kept = /tasks\.db|\.sqlite|key-pepper|objects|payload|buckets|outbox|table/
    const looked: string[] = []
    for (const file of files.filter((entry) => entry.isFile())) {
      const path = join(file.parentPath, file.name)
      if (kept.test(path.slice(runtime.stateDir.length))) continue
      looked.push(file.name)
      const text = await readFile(path, 'latin1')
      for (const secret of [key.slice(-43), pepper, 'Sentinel 6f1d'])
        expect([file.name, text.includes(secret)]).toEqual([file.name, false])
    }
    expect(looked.filter((name) => name.endsWith('.log')).length).toBeGreaterThan(3)
    expect(JSON.stringify(runtime.plan)).not.toContain(pepper)
  })

  it('answers everybody with the headers that keep a browser from guessing, framing and keeping', async () => {
    for (const path of ['/api/v1/tasks', '/api/v1/health', '/api/v1/nowhere', '/api/v1/docs']) {
      const { headers } = await fetch(`${runtime.url}${path}`)
      expect([path, headers.get('x-content-type-options')]).toEqual([path, 'nosniff'])
    }
    for (const path of ['/api/v1/docs', '/console', '/console/tasks']) {
      const answer = await fetch(`${runtime.url}${path}`)
      const policy = answer.headers.get('content-security-policy') ?? ''
      expect([path, policy]).toEqual([path, expect.stringContaining("default-src 'self'")])
      expect([path, /script-src[^;]*unsafe/.test(policy)]).toEqual([path, false])
      expect([path, /<script(?![^>]*\bsrc=)/.test(await answer.text())]).toEqual([path, false])
    }
  })
})
