import { execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startConformanceTools } from '../fixtures/conformance-tools.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const MODERN = '2026-07-28'
const TASKS = 'io.modelcontextprotocol/tasks'
const ROOT = resolve(import.meta.dirname, '../..')

let server: Awaited<ReturnType<typeof startModelServer>>
let running: Awaited<ReturnType<typeof startTestRuntime>>
let api: Client
const open: McpClient[] = []

beforeAll(async () => {
  server = await startModelServer()
  running = await startTestRuntime({
    OPENAI_BASE_URL: server.openaiUrl,
    OPENAI_MODELS: 'stub-*',
    DEFAULT_MODEL: 'stub-1500',
  })
  api = new Client(running.url)
})
afterAll(async () => {
  await Promise.all(open.map((client) => client.close()))
  await running.stop()
  await server.stop()
})

type Mode = 'legacy' | 'auto' | { pin: string }

async function connect(mode: Mode, capabilities = {}): Promise<McpClient> {
  const client = new McpClient(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode }, capabilities },
  )
  await client.connect(new StreamableHTTPClientTransport(new URL(`${api.base}/mcp`)))
  open.push(client)
  return client
}

/** One message of the newest protocol revision, as it is sent. */
async function send(method: string, params: object, isTask = true) {
  const { name, taskId } = params as { readonly name?: string; readonly taskId?: string }
  const response = await fetch(`${api.base}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(name || taskId ? { 'mcp-name': name ?? taskId ?? '' } : {}),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': MODERN,
          'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
          'io.modelcontextprotocol/clientCapabilities': isTask ? { extensions: { [TASKS]: {} } } : {},
        },
      },
    }),
  })
  const body = (await response.json()) as {
    readonly result?: Readonly<Record<string, unknown>>
    readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
  }
  return { status: response.status, ...body }
}

const textOf = (result: unknown): string =>
  (result as { readonly content: readonly { readonly text: string }[] }).content[0]?.text ?? ''

describe.each<[string, Mode]>([
  ['2026-07-28', { pin: MODERN }],
  ['negotiated', 'auto'],
  ['before it', 'legacy'],
])('an agent of the revision %s', (_, mode) => {
  it('finds task types and operations as tools, and runs them', async () => {
    const client = await connect(mode)
    const { tools } = await client.listTools()
    const named = Object.fromEntries(tools.map((tool) => [tool.name, tool]))
    expect(Object.keys(named)).toEqual(
      expect.arrayContaining([
        'text.generate',
        'document.process',
        'example.add',
        'get_task',
        'list_tasks',
        'cancel_task',
        'retry_task',
        'explain_task',
        'redrive',
      ]),
    )
    expect(named['example.add']?.inputSchema).toMatchObject({ type: 'object', required: ['x', 'y'] })
    expect(named.redrive?.inputSchema.properties?.dry_run).toMatchObject({ default: true })
    expect(named.get_task?.annotations?.readOnlyHint).toBe(true)

    const sum = await client.callTool({ name: 'example.add', arguments: { x: 2, y: 3 } })
    expect(sum).toMatchObject({
      content: [{ type: 'text', text: '5' }],
      structuredContent: { status: 'COMPLETED', result: 5 },
    })
    const chosen = await client.callTool({
      name: 'text.generate',
      arguments: { prompt: 'hi', model: 'simulated-fast' },
    })
    expect(chosen.structuredContent).toMatchObject({ status: 'COMPLETED' })
    const { task_id: chosenId } = chosen.structuredContent as { readonly task_id: string }
    expect((await api.get(`/tasks/${chosenId}`)).body).toMatchObject({
      model: 'simulated-fast',
      input: { prompt: 'hi' },
    })

    const { task_id: id } = sum.structuredContent as { readonly task_id: string }
    const task = await client.callTool({ name: 'get_task', arguments: { id } })
    expect(task.structuredContent).toMatchObject({ id, type: 'example.add', result: 5 })
    expect((await api.get(`/tasks/${id}`)).body).toMatchObject({ id, status: 'COMPLETED' })
    const list = await client.callTool({ name: 'list_tasks', arguments: { type: 'example.add', limit: 1 } })
    expect((list.structuredContent as { readonly tasks: readonly unknown[] }).tasks).toHaveLength(1)
  })

  it('gets an error that says what was wrong, and can continue', async () => {
    const client = await connect(mode)
    const bad = await client.callTool({ name: 'example.add', arguments: { x: 'two', y: 3 } })
    expect([bad.isError, textOf(bad)]).toEqual([true, expect.stringContaining('x ')])
    const missing = await client.callTool({ name: 'get_task', arguments: { id: 'nothing' } })
    expect([missing.isError, textOf(missing)]).toEqual([true, expect.stringContaining('Not found')])
    const unknown = await client.callTool({ name: 'get_task', arguments: { id: 'x', whom: 1 } })
    expect([unknown.isError, textOf(unknown)]).toEqual([true, expect.stringContaining('whom')])
    await expect(client.callTool({ name: 'no_such_tool', arguments: {} })).rejects.toMatchObject({
      code: -32_602,
    })
  })
})

describe('operating by tools', () => {
  it('redrive changes nothing unless the call says so explicitly', async () => {
    const { body } = await api.post('/tasks', { prompt: 'refused', model: 'stub-401' })
    expect((await api.done(body.id)).status).toBe('FAILED')
    const client = await connect({ pin: MODERN })
    const redrive = async (given: object) =>
      (await client.callTool({ name: 'redrive', arguments: { lane: 'ai', ...given } })).structuredContent
    expect(await redrive({})).toMatchObject({ dry_run: true, matched: 1, redriven: 0 })
    expect(await redrive({ dry_run: null })).toMatchObject({ dry_run: true, redriven: 0 })
    expect((await api.get(`/tasks/${body.id}`)).body).toMatchObject({ status: 'FAILED', epoch: 1 })
    expect(await redrive({ dry_run: false })).toMatchObject({ dry_run: false, redriven: 1 })
    const explained = await client.callTool({ name: 'explain_task', arguments: { id: body.id } })
    expect(explained.structuredContent).toMatchObject({ task_id: body.id })
  })

  it('a tool name that some clients cannot write is also accepted with underscores', async () => {
    const client = await connect({ pin: MODERN })
    const sum = await client.callTool({ name: 'example_add', arguments: { x: 1, y: 1 } })
    expect(textOf(sum)).toBe('2')
  })
})

describe('the extension for tasks', () => {
  it('a call becomes a task at once, can be read before its end, and returns the result of the call', async () => {
    const created = await send('tools/call', { name: 'text.generate', arguments: { prompt: 'a story' } })
    expect(created.result).toMatchObject({
      resultType: 'task',
      status: 'working',
      taskId: expect.any(String),
      createdAt: expect.any(String),
      lastUpdatedAt: expect.any(String),
      ttlMs: null,
      pollIntervalMs: 1_000,
    })
    expect(created.result).not.toHaveProperty('content')
    const taskId = String(created.result?.taskId)
    const seen = await send('tasks/get', { taskId })
    expect(seen.result).toMatchObject({ resultType: 'complete', taskId, status: 'working' })
    await api.done(taskId)
    const ended = await send('tasks/get', { taskId })
    expect(ended.result).toMatchObject({
      status: 'completed',
      ttlMs: expect.any(Number),
      result: { content: [{ type: 'text', text: expect.any(String) }] },
    })
  })

  it('a task is cancelled, and a cancel of an ended task is answered too', async () => {
    const { result } = await send('tools/call', { name: 'text.generate', arguments: { prompt: 'long' } })
    const taskId = String(result?.taskId)
    expect((await send('tasks/cancel', { taskId })).result).toMatchObject({ resultType: 'complete' })
    expect((await send('tasks/get', { taskId })).result).toMatchObject({ status: 'cancelled' })
    expect((await send('tasks/cancel', { taskId })).error).toBeUndefined()
    expect((await send('tasks/update', { taskId, inputResponses: {} })).error).toBeUndefined()
  })

  it.each(['tasks/get', 'tasks/cancel', 'tasks/update'])(
    '%s of an unknown task is refused',
    async (method) => {
      expect((await send(method, { taskId: 'nothing' })).error).toMatchObject({ code: -32_602 })
    },
  )

  it.each(['tasks/get', 'tasks/cancel', 'tasks/update'])(
    '%s requires that the client declares the extension',
    async (method) => {
      expect((await send(method, { taskId: 'nothing' }, false)).error).toMatchObject({
        code: -32_021,
        data: { requiredCapabilities: { extensions: { [TASKS]: {} } } },
      })
    },
  )

  it('a client that does not declare it gets the result, also of a call that takes seconds', async () => {
    const answer = await send('tools/call', { name: 'text.generate', arguments: { prompt: 'x' } }, false)
    expect(answer.result).toMatchObject({
      resultType: 'complete',
      structuredContent: { status: 'COMPLETED' },
    })
  })

  it('the server declares it', async () => {
    const { result } = await send('server/discover', {})
    expect(result).toMatchObject({ capabilities: { extensions: { [TASKS]: {} } } })
  })
})

describe('invalid messages', () => {
  it('a body that is not JSON is an error of the protocol', async () => {
    const answer = await api.call<{ error: { code: number } }>('POST', '/mcp', '{"jsonrpc":')
    expect([answer.status, answer.body.error.code]).toEqual([400, -32_700])
  })

  it('sessions and endless streams do not exist', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await api.call(method, '/mcp')
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, expect.stringContaining('POST')])
    }
    const listen = await send('subscriptions/listen', { notifications: { toolsListChanged: true } })
    expect(listen.error?.code).toBeLessThan(0)
  })
})

describe('npx taskrunner mcp', () => {
  const start = async (mode: Mode, base = api.base): Promise<McpClient> => {
    const client = new McpClient({ name: 'desktop', version: '1.0.0' }, { versionNegotiation: { mode } })
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [resolve(ROOT, 'bin/taskrunner.mjs'), 'mcp', '--base', base],
      }),
    )
    open.push(client)
    return client
  }

  it.each<Mode>(['legacy', { pin: MODERN }])('serves a desktop agent (%j)', async (mode) => {
    const client = await start(mode)
    expect((await client.listTools()).tools.length).toBeGreaterThan(10)
    const sum = await client.callTool({ name: 'example.add', arguments: { x: 20, y: 3 } })
    expect(textOf(sum)).toBe('23')
  })

  it('says why it cannot reach a stage', async () => {
    await expect(start('legacy', 'http://127.0.0.1:9/api/v1')).rejects.toThrow('Nothing answers at')
  })
})

describe('the official conformance tests', () => {
  /** Names of the checks that failed. */
  async function failuresOf(scenario: string, url: string): Promise<readonly string[]> {
    const program = resolve(ROOT, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
    const args = [program, 'server', '--url', url, '--scenario', scenario]
    // The suite writes its results to the working folder, and exits with 1 for a failed check.
    const cwd = await mkdtemp(join(tmpdir(), 'conformance-'))
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd }).catch(
      (error: { readonly stdout: string }) => error,
    )
    const text = stripVTControlCharacters(stdout)
    expect(text).toMatch(/Passed: [1-9]/)
    return [...text.matchAll(/\[(\S+)\s*\] FAILURE/g)].map(([, check = '']) => check)
  }

  // The scenarios of the features of this server; the others need prompts, resources, sampling and elicitation.
  it.each<[string, readonly string[]]>([
    ['server-initialize', []],
    ['ping', []],
    ['tools-list', []],
    ['dns-rebinding-protection', []],
    ['http-header-validation', []],
    [
      'server-stateless',
      // These need diagnostic tools with fixed names, and subscriptions. No list of this server changes while it runs.
      [
        'sep-2575-server-rejects-undeclared-capability',
        'sep-2575-missing-capability-http-400',
        'sep-2575-http-server-no-independent-requests-on-stream',
        'sep-2575-server-no-log-without-loglevel',
        'sep-2575-server-sends-subscription-ack',
        'sep-2575-server-tags-subscription-id',
      ],
    ],
  ])('%s', async (scenario, known) => {
    expect(await failuresOf(scenario, `${api.base}/mcp`)).toEqual(known)
  })

  // A proxy adds the tool names that these scenarios call. Every tool here may become a task, so it has no tool that never does
  // (`greet`), none that must (`required`), and none that violates the protocol.
  it.each<[string, readonly string[]]>([
    ['tasks-lifecycle', ['tasks-sync-tool-call', 'sep-2663-tasks-get-status-failed']],
    ['tasks-capability-negotiation', []],
    ['tasks-wire-fields', []],
    ['tasks-request-headers', ['tasks-headers-tolerate-mcp-method-on-tools-call']],
    ['tasks-request-state-removal', []],
    [
      'tasks-dispatch-and-envelope',
      ['sep-2663-legacy-task-param-ignored', 'tasks-result-type-complete-on-non-task-responses'],
    ],
  ])('%s', async (scenario, known) => {
    const tools = await startConformanceTools(`${api.base}/mcp`)
    try {
      expect(await failuresOf(scenario, tools.url)).toEqual(known)
    } finally {
      tools.stop()
    }
  })
})
