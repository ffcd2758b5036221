import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ApiError, createClient, UnreachableError } from '../../lib/client/client.ts'
import type { TaskEvent } from '../../lib/client/types.ts'
import { Client, type TaskView } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { prepareState, type RunningProcess, startProcess, TIMING_SCALE } from '../fixtures/running.ts'

interface Stepped extends TaskView {
  readonly steps: readonly { readonly name: string; readonly attempt: number }[]
}

const PARTS = 40
let server: Awaited<ReturnType<typeof startModelServer>>
let state: string
let running: RunningProcess | undefined

beforeAll(async () => {
  server = await startModelServer()
  state = await mkdtemp(join(tmpdir(), 'runner-'))
})
afterAll(async () => {
  if (running?.child.exitCode === null) await running.end('SIGKILL')
  await server.stop()
  await rm(state, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
})

/** Reads a task's events across every disconnect, as a browser does: it continues after the last event it has received. */
async function watchToEnd(url: string, id: string, events: TaskEvent[]): Promise<void> {
  while (events.at(-1)?.event !== 'end') {
    const last = events.at(-1)
    try {
      const client = createClient({ url })
      for await (const event of client.tasks.events(id, last ? { after: last.id } : {})) events.push(event)
    } catch (error) {
      if (!(error instanceof UnreachableError || error instanceof ApiError)) throw error
    }
  }
}

it('a process killed in the middle: no finished part of a document is paid for again, and a reader of the events sees the answer start again', async () => {
  const env = {
    OPENAI_BASE_URL: server.openaiUrl,
    OPENAI_MODELS: 'stub-*',
    PORT: '0',
    TIMING_SCALE: String(TIMING_SCALE),
  }
  await prepareState(state, env)
  running = await startProcess([], env, state)
  const text = Array.from(
    { length: PARTS },
    (_, part) => `# Part ${part + 1}\n\n${'Words. '.repeat(1_200)}`,
  ).join('\n\n')
  const first = new Client(running.url)
  const { id } = await first.submit({
    type: 'document.process',
    input: { text, format: 'markdown' },
    model: 'stub-900',
  })
  const spoken = await first.submit({ prompt: 'Say something.', model: 'simulated-slow-20' })
  const events: TaskEvent[] = []
  const watched = watchToEnd(running.url, spoken.id, events)
  const read = async (client: Client) => (await client.get<Stepped>(`/tasks/${id}`)).body
  await expect.poll(async () => (await read(first)).steps.length, { timeout: 60_000 }).toBeGreaterThan(15)
  await expect.poll(() => events.some(({ event }) => event === 'text-delta')).toBe(true)
  const kept = (await read(first)).steps.map(({ name }) => name)
  expect(kept.length).toBeLessThan(PARTS)
  await running.end('SIGKILL')
  const calledBefore = server.calls.length

  running = await startProcess([], { ...env, PORT: new URL(running.url).port }, state)
  const second = new Client(running.url)
  await expect
    .poll(async () => (await read(second)).status, { timeout: 200_000, interval: 1_000 })
    .toBe('COMPLETED')
  const task = await read(second)
  expect(task.steps).toHaveLength(PARTS + 2)
  // Four run in parallel: at most four were in progress when the process ended.
  expect(server.calls.length).toBeLessThanOrEqual(PARTS + 1 + 4)
  expect(server.calls.length - calledBefore).toBeLessThanOrEqual(PARTS + 2 - kept.length + 1)
  for (const name of kept.filter((name) => name.startsWith('part '))) {
    const heading = `"Part ${name.split(' ')[1]}"`
    expect([name, server.calls.filter(({ prompt }) => prompt.includes(heading)).length]).toEqual([name, 1])
  }

  await watched
  const pieces = events.flatMap(({ event, data }) => (event === 'text-delta' ? [data] : []))
  expect(new Set(pieces.map(({ attempt }) => attempt))).toEqual(new Set([1, 2]))
  // The second attempt's first piece says that the text starts again.
  expect(pieces.find(({ attempt }) => attempt === 2)?.offset).toBe(0)
  const answer = pieces.filter(({ attempt }) => attempt === 2).map(({ text }) => text)
  expect(answer.join('')).toBe((await second.get<TaskView>(`/tasks/${spoken.id}`)).body.result)
  expect(events.at(-1)).toMatchObject({ event: 'end', data: { status: 'COMPLETED' } })
}, 300_000)
