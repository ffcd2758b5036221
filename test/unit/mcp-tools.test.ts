import { beforeAll, describe, expect, it, vi } from 'vitest'
import { ENV, SCOPES, type Scope } from '../../functions/contract.ts'

type Tools = typeof import('../../functions/api/mcp/tools.ts')
let tools: Tools

beforeAll(async () => {
  // Read when the modules of a function load; nothing is opened before a tool is called.
  vi.stubEnv(ENV.stage, 'test')
  tools = await import('../../functions/api/mcp/tools.ts')
})

const SETTINGS = { version: '1.0.0', retentionDays: 7, now: () => 0 }
const caller = (...scopes: Exclude<Scope, 'open'>[]) => ({
  principal: { tenant: 't', keyId: 'k', scopes },
  base: '/api/v1',
  receivedAt: 0,
})
const namesFor = (...scopes: Exclude<Scope, 'open'>[]) =>
  tools.listTools(caller(...scopes)).map(({ name }) => name)

describe('the tools of an agent', () => {
  it('are those that its key may use', () => {
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
    '%s without its scope is refused in words',
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

  it('one that breaks tells the log why, as a route over HTTP does, and the agent nothing of it', async () => {
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

  it('each has a name of its own that clients take, and an object as its arguments', () => {
    const list = tools.listTools(caller(...SCOPES))
    expect(new Set(list.map(({ name }) => name)).size).toBe(list.length)
    for (const { name, description, inputSchema } of list) {
      expect(name).toMatch(/^[A-Za-z0-9_.-]{1,64}$/)
      expect([name, description?.length ?? 0]).not.toContain(0)
      expect([name, inputSchema.type, '$ref' in inputSchema]).toEqual([name, 'object', false])
    }
  })
})
