import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import { readEvents } from '../../lib/client/events.ts'
import type { Client, TaskView } from '../fixtures/client.ts'

type Declare = (title: string, body: () => Promise<void>) => void

export const EVENTS_SCENARIO =
  'the events of a task contain its text while it is written, and continue after the last one received'

/** Features for callers that do not poll: waiting, events, agents. */
export function callerScenarios(it: Declare, open: () => Client): void {
  const add = { type: 'example.add', input: { x: 1, y: 2 } }

  it('a submission that waits answers with the finished task', async () => {
    const answer = await open().post('/tasks', add, { prefer: 'wait=20' })
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, 'wait=20'])
    expect(answer.body).toMatchObject({ status: 'COMPLETED', result: 3 })
  })

  it('a read that waits returns the end, the next change, or the first end of several tasks', async () => {
    const client = open()
    const { id } = await client.submit({ prompt: 'wait for me', model: 'simulated-slow-4' })
    const { headers } = await client.get(`/tasks/${id}`)
    const etag = { 'if-none-match': headers.get('etag') ?? '' }
    const changed = await client.call('GET', `/tasks/${id}?wait=20`, undefined, etag)
    expect([changed.status, changed.headers.get('etag') === etag['if-none-match']]).toEqual([200, false])
    const ended = await client.get(`/tasks/${id}?wait=20`)
    expect(ended.body.status).toBe('COMPLETED')
    const same = await client.call('GET', `/tasks/${id}`, undefined, {
      'if-none-match': ended.headers.get('etag') ?? '',
    })
    expect([same.status, same.body]).toEqual([304, ''])
    const later = await client.submit({ ...add, delay_seconds: 600 })
    const many = await client.get<{ tasks: TaskView[] }>(`/tasks?ids=${later.id},${id}&wait=20`)
    expect(many.body.tasks.map(({ status }) => status)).toEqual(['SCHEDULED', 'COMPLETED'])
  })

  it(EVENTS_SCENARIO, async () => {
    const client = open()
    const { id } = await client.submit({ prompt: 'tell me', model: 'simulated-slow-6' })
    const read = async (after?: string) => {
      const headers = { ...client.headers, ...(after ? { 'last-event-id': after } : {}) }
      const { body, status } = await fetch(`${client.base}/tasks/${id}/events`, { headers })
      expect(status).toBe(200)
      const events: {
        readonly id: string
        readonly event: string
        readonly data: Record<string, unknown>
      }[] = []
      if (body)
        for await (const event of readEvents(body, () => undefined))
          events.push({ ...event, data: JSON.parse(event.data) })
      return events
    }
    const events = await read()
    const pieces = events.filter(({ event }) => event === 'text-delta')
    const { body } = await client.get(`/tasks/${id}`)
    expect(pieces.map(({ data }) => data.text).join('')).toBe(body.result)
    expect(pieces.length).toBeGreaterThan(1)
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { status: 'COMPLETED' } })
    expect((await read(events.at(-2)?.id)).map(({ event }) => event)).toEqual(['end'])
  })

  it('an agent finds the task types as tools and runs one', async () => {
    const client = open()
    const agent = new McpClient({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
    const requestInit = { headers: client.headers }
    await agent.connect(new StreamableHTTPClientTransport(new URL(`${client.base}/mcp`), { requestInit }))
    try {
      const { tools } = await agent.listTools()
      expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['example.add', 'get_task']))
      const answer = await agent.callTool({ name: 'example.add', arguments: { x: 20, y: 22 } })
      expect(JSON.stringify(answer)).toContain('42')
    } finally {
      await agent.close()
    }
  })
}
