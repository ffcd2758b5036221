import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import routesFile from '../../functions/api/routes.gen.json' with { type: 'json' }
import { type Route, SCOPES } from '../../functions/contract.ts'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { startAccount } from '../fixtures/account.ts'
import { hasBrowser, openBrowser, openPage } from '../fixtures/browser.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'
import { startReceiver } from '../fixtures/webhook-world.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ROUTES = routesFile as readonly Route[]
const run = promisify(execFile)

/** Everything that a user of `AUTH=keys npm start` can use, with a key and without. */
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
  it.each(DATA)('shows no %s without a key or with an invalid key', async (name) => {
    for (const own of [undefined, 'tk_x_y', `${key.slice(0, -4)}AAAA`]) {
      const answer = await look(`/data/${name}`, own)
      expect([own, answer.status]).toEqual([own, 401])
    }
    expect((await look(`/data/${name}`, key)).status).toBe(name === 'nothing' ? 404 : 200)
  })

  it('shows data of all tenants to operators only, and to each tenant its own tasks', async () => {
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

  it('calls a dashboard’s function only for keys with ops:write', async () => {
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

describe('requests a minute', () => {
  it('are counted on every route that requires a key, and on no other', async () => {
    const limited = await keyOf('limited', SCOPES)
    await admin.call('PUT', '/limits?tenant=limited', { requests_per_minute: 1, request_burst: 1 })
    const ask = (method: string, path: string) =>
      fetch(`${runtime.url}/api/v1${path}`, {
        method,
        headers: { 'x-api-key': limited, 'content-type': 'application/json' },
        ...(method === 'GET' || method === 'DELETE' ? {} : { body: '{}' }),
      })
    expect((await ask('GET', '/tasks')).status).toBe(200)
    // Submits are counted separately, with the same limit: the first one is accepted.
    const submit = () =>
      fetch(`${runtime.url}/api/v1/tasks`, {
        method: 'POST',
        headers: { 'x-api-key': limited, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'example.add', input: { x: 1, y: 2 } }),
      })
    expect((await submit()).status).toBe(202)
    const second = await submit()
    expect([second.status, second.headers.get('ratelimit-policy')]).toEqual([429, '"submits";q=1;w=60'])
    const at = (path: string) => path.replace('{lane}', 'demo').replace(/\{\w+\}/g, 'x')
    const closed = ROUTES.filter(({ scope }) => scope !== 'open')
    expect(closed.length).toBeGreaterThan(40)
    for (const { name, method, path } of closed) {
      const answer = await ask(method, at(path))
      await answer.body?.cancel()
      // A body without a field is a valid submit to one of them.
      const policy = expect.stringMatching(/^"(requests|submits)";q=1;w=60$/)
      expect([name, answer.status, answer.headers.get('ratelimit-policy')]).toEqual([name, 429, policy])
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    for (const { name, method, path } of ROUTES.filter(({ scope }) => scope === 'open'))
      expect([name, (await ask(method, at(path))).status]).not.toEqual([name, 429])
    // Other tenants are not limited.
    expect((await admin.get('/tasks')).status).toBe(200)
  })
})

describe('the command line, with a key', () => {
  const cli = (...args: string[]) =>
    run(process.execPath, [join(ROOT, 'bin/taskrunner.ts'), '--base', runtime.url, '--json', ...args], {
      env: { ...process.env, TASKRUNNER_KEY: key, TASKRUNNER_PROFILE: '', CI: '' },
    })

  it('makes, lists, rotates and revokes keys, shows who did it, and deletes a tenant’s data', async () => {
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

  it('says what to do when it has no key', async () => {
    const failure = await run(
      process.execPath,
      [join(ROOT, 'bin/taskrunner.ts'), '--base', runtime.url, 'list'],
      { env: { ...process.env, TASKRUNNER_KEY: '', TASKRUNNER_PROFILE: '' } },
    ).catch((cause: { stderr: string; code: number }) => cause)
    expect(failure).toMatchObject({ code: 4, stderr: expect.stringContaining('TASKRUNNER_KEY') })
  })

  it('gives agents access over stdio with the key', async () => {
    const child = run(process.execPath, [join(ROOT, 'bin/taskrunner.ts'), '--base', runtime.url, 'mcp'], {
      env: { ...process.env, TASKRUNNER_KEY: key, TASKRUNNER_PROFILE: '' },
    })
    child.child.stdin?.end(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })}\n`)
    expect((await child).stdout).toContain('example.add')
  })
})

describe('npm run admin-key and smoke, as commands', () => {
  it('print no key in CI, print only the key to a pipe, and revoke the key of a smoke test', async () => {
    const keys = (await admin.get<{ keys: unknown[] }>('/keys')).body.keys.length
    const account = await startAccount(
      { KeysFunction: 'keys', ApiUrl: `${runtime.url}/api/v1` },
      (_name, event) => runtime.pool('Keys').invoke(event),
    )
    const command = (env: Record<string, string>, ...args: string[]) =>
      run(process.execPath, [join(ROOT, 'bin/deploy.ts'), ...args], {
        env: {
          ...process.env,
          AWS_ENDPOINT_URL: account.endpoint,
          AWS_REGION: 'eu-central-1',
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
          TASKRUNNER_KEY: '',
          TASKRUNNER_PROFILE: '',
          CI: '',
          ...env,
        },
      }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
          code,
          stdout,
          stderr,
        }),
      )
    // There is a key already: a second request says so, and what to type.
    const again = await command({}, 'admin-key', 'dev')
    expect(again).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('admin-key -- dev --new'),
    })
    expect([...account.parameters.keys()]).toEqual(['/taskrunner/dev/key-pepper'])
    const { Type, Value } = account.parameters.get('/taskrunner/dev/key-pepper') ?? {}
    expect([Type, Value?.length]).toEqual(['SecureString', 43])
    const job = await command({ CI: 'true' }, 'admin-key', 'dev', '--new')
    expect([job.code, job.stdout.includes('tk_')]).toEqual([2, false])
    expect(job.stderr).toContain('no place to show a key')
    const made = await command({}, 'admin-key', 'dev', '--new')
    expect([made.code, made.stderr]).toEqual([0, ''])
    expect(made.stdout).toMatch(/^tk_\w{26}_[\w-]{43}\n$/)
    expect((await new Client(runtime.url, made.stdout.trim()).get('/keys')).status).toBe(200)
    // The pepper does not change.
    expect(account.parameters.get('/taskrunner/dev/key-pepper')?.Value).toBe(Value)
    expect((await command({}, 'admin-key', 'emulated')).stderr).toContain('has no keys of its own')
    const smoke = await command({}, 'smoke', 'dev')
    expect([smoke.code, smoke.stdout + smoke.stderr]).toEqual([0, expect.not.stringContaining('tk_')])
    const { body } = await admin.get<{ keys: { name: string; revoked_at: string | null }[] }>('/keys')
    expect(body.keys.filter(({ name }) => name.startsWith('Smoke'))).toMatchObject([
      { revoked_at: expect.any(String) },
    ])
    expect(body.keys.length).toBe(keys + 2)
    await account.stop()
  })
})

describe.skipIf(!hasBrowser)('the pages of a closed stage, in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())
  /** A browser logs every refused request; a violated policy or a failed script is different. */
  const real = (faults: readonly string[]) => faults.filter((text) => !text.includes('status of 401'))

  it('the console asks for a key once, asks again for a wrong one, and then works on every page', async () => {
    const { page, faults } = await openPage(browser, runtime.url)
    await page.goto(`${runtime.url}/console`)
    const dialog = page.getByRole('dialog', { name: 'API key' })
    await dialog.getByLabel('API key').fill('tk_wrong')
    await dialog.getByRole('button', { name: 'Open' }).click()
    await page.getByText('This key is not valid here').waitFor()
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
      '/webhooks',
      '/outbox',
    ]) {
      await page.goto(`${runtime.url}/console${path}`)
      await page.locator('main :first-child').first().waitFor()
      expect([path, await page.getByRole('dialog').count()]).toEqual([path, 0])
    }
    await page.goto(`${runtime.url}/console/tasks/${body.id}`)
    await page.getByText('Seen with a key').first().waitFor()
    // Only in this tab, and in no storage that is kept after it.
    const kept = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href])
    expect(kept.join(' ')).not.toContain('tk_')
    await page.getByRole('button', { name: 'Forget key' }).click()
    await page.getByRole('dialog', { name: 'API key' }).waitFor()
    expect(real(faults)).toEqual([])
    await page.close()
  })

  it('the webhooks page shows each try, filters, and resends one or all failed deliveries', async () => {
    const receiver = await startReceiver()
    receiver.answerWith((_request, response) => response.writeHead(410).end())
    const own = await keyOf('hooked', ['tasks:read', 'tasks:write', 'ops:read'])
    const tenant = new Client(runtime.url, own)
    const told = async (events: readonly string[]) => {
      const { body } = await tenant.post<{ id: string }>('/tasks', {
        type: 'example.add',
        input: { x: 1, y: 2 },
        webhook: { url: receiver.url, events },
      })
      return body.id
    }
    const [started, completed] = [await told(['started']), await told(['completed'])]
    const { page, faults } = await openPage(browser, runtime.url)
    await page.goto(`${runtime.url}/console/webhooks`)
    const dialog = page.getByRole('dialog', { name: 'API key' })
    await dialog.getByLabel('API key').fill(own)
    await dialog.getByRole('button', { name: 'Open' }).click()
    await page.getByRole('button', { name: 'failed', exact: true }).first().click()
    const rows = page.locator('tr[data-delivery]')
    await expect.poll(() => rows.count(), { timeout: 30_000 }).toBe(2)
    // Every try, with the receiver's answer.
    await rows.first().locator('summary').click()
    await rows.first().getByText('410 gone').last().waitFor()
    await page.getByLabel('Event').selectOption('started')
    await expect.poll(() => rows.count()).toBe(1)
    expect(await rows.first().innerText()).toContain(started)
    // The filter is in the URL, so a reload keeps it and it can be sent to others.
    await page.reload()
    await expect.poll(() => rows.count()).toBe(1)
    receiver.answerWith((_request, response) => response.writeHead(204).end())
    await rows.first().getByRole('button', { name: 'Resend' }).click()
    await page.getByText('No delivery has failed').waitFor()
    await page.getByLabel('Event').selectOption('')
    await expect.poll(() => rows.count()).toBe(1)
    await page.getByRole('button', { name: 'Resend failed deliveries' }).click()
    await page.getByRole('button', { name: 'Resend all' }).click()
    await page.getByText('No delivery has failed').waitFor()
    await page.getByRole('button', { name: 'delivered', exact: true }).click()
    await expect.poll(() => rows.count()).toBe(2)
    await page.getByLabel('Task').fill(completed)
    await expect.poll(() => rows.count()).toBe(1)
    // Another tenant sees none of them.
    await page.getByRole('button', { name: 'Forget key' }).click()
    await dialog.getByLabel('API key').fill(await keyOf('other', ['tasks:read', 'ops:read']))
    await dialog.getByRole('button', { name: 'Open' }).click()
    await page.getByText('No matching delivery has arrived').waitFor()
    expect(real(faults)).toEqual([])
    await page.close()
    await receiver.stop()
  })

  it('the docs page calls a route with the key that is typed there', async () => {
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

describe('what a run of a closed stage writes', () => {
  it('contains no key, no pepper and no prompt, except in rows and objects', async () => {
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
    // Rows and objects may contain them; the pepper is a file that only its owner can read.
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

  it('has headers in every answer that forbid a browser to guess types, to show it in a frame and to store it', async () => {
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
