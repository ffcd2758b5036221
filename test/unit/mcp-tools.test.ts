import { beforeAll, describe, expect, it, vi } from 'vitest'
import { ENV, SCOPES, type Scope } from '../../functions/contract.ts'

type Tools = typeof import('../../functions/api/mcp/tools.ts')
type Results = typeof import('../../functions/api/mcp/task-results.ts')
type Answer = typeof import('../../functions/api/mcp/answer.ts')
let tools: Tools
let answer: Answer
let results: Results

beforeAll(async () => {
  // Read when a function's modules load; no connection is made before a tool is called.
  vi.stubEnv(ENV.stage, 'test')
  tools = await import('../../functions/api/mcp/tools.ts')
  answer = await import('../../functions/api/mcp/answer.ts')
  results = await import('../../functions/api/mcp/task-results.ts')
})

const SETTINGS = { version: '1.0.0', retentionDays: 7, now: () => 0 }
const caller = (...scopes: Exclude<Scope, 'open'>[]) => ({
  principal: { tenant: 't', keyId: 'k', scopes },
  base: '/api/v1',
  receivedAt: 0,
})
const namesFor = (...scopes: Exclude<Scope, 'open'>[]) =>
  tools.listTools(caller(...scopes)).map(({ name }) => name)

describe('the number of requests that a message counts as', () => {
  const call = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })
  const of = (message: unknown) => tools.requestsIn(JSON.stringify(message))

  it('is one, none for a submit, and the number of messages in a list', () => {
    expect([of(call('get_task')), of({ method: 'tools/list' }), of(null), of([]), of(7)]).toEqual([
      1, 1, 1, 1, 1,
    ])
    expect([of(call('example.add')), of(call('example_add'))]).toEqual([0, 0])
    expect(of([call('get_task'), call('example.add'), call('nothing'), null])).toBe(3)
    expect(of(Array.from({ length: 100 }, () => call('list_tasks')))).toBe(100)
    // Refused as a whole, before any call.
    expect(of(Array.from({ length: 60_000 }, () => call('list_tasks')))).toBe(1)
    expect(tools.requestsIn('{')).toBe(1)
  })
})

describe('the tools of an agent', () => {
  it('are those that its key allows', () => {
    const reads = namesFor('tasks:read')
    expect(reads).toEqual(expect.arrayContaining(['get_task', 'list_tasks', 'explain_task']))
    for (const name of ['text.generate', 'cancel_task', 'retry_task', 'redrive'])
      expect(reads).not.toContain(name)
    expect(namesFor('tasks:read', 'tasks:write')).toEqual(
      expect.arrayContaining(['text.generate', 'cancel_task']),
    )
    expect(namesFor('ops:write')).toEqual(['redrive'])
    expect(namesFor(...SCOPES)).toContain('redrive')
  })

  it.each(['text.generate', 'cancel_task', 'redrive'])(
    '%s without its scope is refused with an error text',
    async (name) => {
      const result = await tools.callTool(caller('tasks:read'), SETTINGS, {
        name,
        arguments: {},
        isTask: true,
      })
      expect(result).toMatchObject({
        isError: true,
        content: [{ text: expect.stringContaining('lacks the scope') }],
      })
    },
  )

  it('one that throws writes the cause to the log, as an HTTP route does, and shows the agent none of it', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    // This environment has no table.
    const result = await tools.callTool(caller('tasks:read'), SETTINGS, {
      name: 'get_task',
      arguments: { id: 'one' },
      isTask: false,
    })
    expect(result).toMatchObject({ isError: true })
    expect(JSON.stringify(result)).not.toContain('TABLE_NAME')
    const [[line]] = logged.mock.calls as [[object]]
    expect(line).toMatchObject({ event: 'http.failed', status: 500, path: '/api/v1/tasks/{id}' })
    expect(line).toHaveProperty('cause', expect.stringContaining('TABLE_NAME'))
  })

  it('have an argument for the model where a type is one model call, because a tool call has only its arguments', () => {
    const list = Object.fromEntries(tools.listTools(caller(...SCOPES)).map((tool) => [tool.name, tool]))
    expect(list['text.generate']?.inputSchema.properties?.model).toMatchObject({ type: 'string' })
    expect(list['text.generate']?.inputSchema.required ?? []).not.toContain('model')
    expect(list['example.add']?.inputSchema.properties).not.toHaveProperty('model')
  })

  it('an unknown one is refused with the nearest name', async () => {
    const call = tools.callTool(caller(...SCOPES), SETTINGS, {
      name: 'get_tsk',
      arguments: {},
      isTask: false,
    })
    await expect(call).rejects.toThrow('There is no tool "get_tsk". Nearest: "get_task".')
  })

  it('each has a unique name that clients accept, and an object as its arguments', () => {
    const list = tools.listTools(caller(...SCOPES))
    expect(new Set(list.map(({ name }) => name)).size).toBe(list.length)
    for (const { name, description, inputSchema } of list) {
      expect(name).toMatch(/^[A-Za-z0-9_.-]{1,64}$/)
      expect([name, description?.length ?? 0]).not.toContain(0)
      expect([name, inputSchema.type, '$ref' in inputSchema]).toEqual([name, 'object', false])
    }
  })
})

describe('a result that is large', () => {
  // Lambda returns no more than 6 MB (6,291,556 bytes).
  const MAX_ANSWER_BYTES = 6_291_556
  const task = { id: 'one', status: 'COMPLETED', links: { result: '/result' } }

  it.each(['word ', '"\\\n', 'é'])('of many %j fits into an answer, complete in its data', (word) => {
    for (const bytes of [1_400_000, 1_600_000, 5_400_000]) {
      // This size is that of its JSON.
      const result = word.repeat(Math.floor(bytes / (Buffer.byteLength(JSON.stringify(word)) - 2)))
      const whole = { ...task, result } as unknown as Parameters<typeof results.resultOf>[0]
      for (const answered of [results.resultOf(whole), results.toToolResult({ status: 200, body: whole })]) {
        expect(Buffer.byteLength(JSON.stringify(answered))).toBeLessThan(MAX_ANSWER_BYTES)
        expect(answered.structuredContent).toMatchObject({ result })
      }
    }
  })
})

describe('a message', () => {
  const send = async (text: string, headers: Record<string, string> = {}) => {
    const { status, text: answered } = await answer.answerMessage(caller(...SCOPES), SETTINGS, {
      text,
      headers,
    })
    return { status, ...(JSON.parse(answered) as { readonly id: unknown; readonly error?: object }) }
  }
  const call = (name: string, given: string) =>
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"${name}","arguments":${given}}}`
  const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`

  it.each([
    ['text.generate', `{"prompt":"x","json_schema":${deep}}`],
    ['get_task', deep],
    ['list_tasks', `{"limit":${deep}}`],
  ])('to %s that is nested too deep is refused with the same error as any body', async (name, given) => {
    expect(await send(call(name, given))).toMatchObject({
      status: 400,
      id: null,
      error: { code: -32_700, message: 'The body is nested deeper than 64 levels.' },
    })
  })

  it('with a number that would be rounded is refused by path, with its id', async () => {
    expect(await send(call('example.add', '{"x":1234567890123456789,"y":1}'))).toMatchObject({
      status: 200,
      id: 7,
      error: { code: -32_602, message: expect.stringContaining('params.arguments.x is a number') },
    })
  })

  it.each([
    ['initialize', undefined, 'params: Invalid input: expected object, received undefined'],
    [
      'initialize',
      { protocolVersion: 5, capabilities: {} },
      'protocolVersion: Invalid input: expected string, received number; clientInfo: Invalid input: expected object, received undefined',
    ],
    ['tools/list', { cursor: 5 }, 'cursor: Invalid input: expected string, received number'],
    [
      'tools/call',
      { name: 'get_task', arguments: [] },
      'arguments: Invalid input: expected record, received array',
    ],
  ])('%s with wrong params is the caller’s error, in words', async (method, params, message) => {
    const error = { code: -32_602, message: `Invalid params: ${message}` }
    const request = { jsonrpc: '2.0', id: 1, method, params }
    expect(await send(JSON.stringify(request))).toMatchObject({ status: 200, id: 1, error })
  })

  it('in a list keeps its place, with the answers of the others', async () => {
    const list = [
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'tools/list', params: { cursor: 5 } },
    ]
    const { text } = await answer.answerMessage(caller(...SCOPES), SETTINGS, {
      text: JSON.stringify(list),
      headers: {},
    })
    expect(JSON.parse(text)).toMatchObject([
      { id: 1, result: {} },
      { id: 2, error: { code: -32_602 } },
    ])
  })

  it('that is not JSON is refused as such', async () => {
    expect(await send('hello')).toMatchObject({ status: 400, id: null, error: { code: -32_700 } })
  })

  it('of the newest revision is answered without a log line', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const revision = '2026-07-28'
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': revision,
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } })
    const headers = { 'mcp-protocol-version': revision, 'mcp-method': 'tools/list' }
    expect(await send(text, headers)).toMatchObject({ status: 200, id: 1 })
    expect(warned).not.toHaveBeenCalled()
  })
})
