import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
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
  await rm(state, { recursive: true, force: true })
})

it('a document of 40 parts whose process is killed in the middle pays for no finished part again', async () => {
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
    model: 'stub-200',
  })
  const read = async (client: Client) => (await client.get<Stepped>(`/tasks/${id}`)).body
  await expect.poll(async () => (await read(first)).steps.length, { timeout: 60_000 }).toBeGreaterThan(15)
  const kept = (await read(first)).steps.map(({ name }) => name)
  expect(kept.length).toBeLessThan(PARTS)
  await running.end('SIGKILL')
  const calledBefore = server.calls.length

  running = await startProcess([], env, state)
  const second = new Client(running.url)
  await expect
    .poll(async () => (await read(second)).status, { timeout: 200_000, interval: 1_000 })
    .toBe('COMPLETED')
  const task = await read(second)
  expect(task.steps).toHaveLength(PARTS + 2)
  // Four run side by side: no more than those were under way when it died.
  expect(server.calls.length).toBeLessThanOrEqual(PARTS + 1 + 4)
  expect(server.calls.length - calledBefore).toBeLessThanOrEqual(PARTS + 2 - kept.length + 1)
  for (const name of kept.filter((name) => name.startsWith('part '))) {
    const heading = `"Part ${name.split(' ')[1]}"`
    expect([name, server.calls.filter(({ prompt }) => prompt.includes(heading)).length]).toEqual([name, 1])
  }
}, 300_000)
