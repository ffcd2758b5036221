import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { prepareState, type RunningProcess, startProcess } from '../fixtures/running.ts'

let server: Awaited<ReturnType<typeof startModelServer>>

/**
 * Starts processes with one state folder of their own; all are ended at the end of the test.
 *
 * @param isBare the first of them bundles and synthesizes, as after an install.
 */
async function ownState({ onTestFinished }: Pick<TestContext, 'onTestFinished'>, isBare = false) {
  const state = await mkdtemp(join(tmpdir(), 'runner-process-'))
  const processes: RunningProcess[] = []
  onTestFinished(async () => {
    for (const { child, end } of processes) if (child.exitCode === null) await end('SIGKILL')
    // A worker of a killed process may still write.
    await rm(state, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  })
  const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
  if (!isBare) await prepareState(state, env)
  return async (...args: string[]) => {
    const started = await startProcess(['--port', '0', ...args], env, state)
    processes.push(started)
    return started
  }
}

beforeAll(async () => {
  server = await startModelServer()
})
afterAll(() => server.stop())

describe('npm start as a process', () => {
  it.concurrent('killed in the middle of a burst of 200 and started again: all of them end COMPLETED', async (context) => {
    const { expect } = context
    const start = await ownState(context)
    const first = await start()
    const client = new Client(first.url)
    const prompts = Array.from({ length: 200 }, (_, index) => `killed ${index}`)
    const callsOfKilled = () => server.calls.filter(({ prompt }) => prompt.startsWith('killed')).length
    const tasks = await Promise.all(prompts.map((prompt) => client.submit({ prompt, model: 'stub-1000' })))
    await expect.poll(callsOfKilled).toBeGreaterThan(50)
    expect(await first.end('SIGKILL')).toBe('SIGKILL')
    const before = callsOfKilled()
    expect(before).toBeLessThan(200)

    const again = new Client((await start()).url)
    // A message that was received and not yet claimed is lost with its receiver, so the test allows two sweeps.
    const done = await Promise.all(tasks.map(({ id }) => again.done(id, 200_000)))
    expect(done.filter(({ status }) => status !== 'COMPLETED')).toEqual([])
    expect(done.map(({ result }) => result)).toEqual(prompts.map((prompt) => `echo: ${prompt}`))
    // Only calls in progress at the kill are made twice: at most as many as the lane runs at once.
    expect(prompts.filter((prompt) => server.callsOf(prompt).length > 2)).toEqual([])
    expect(callsOfKilled() - 200).toBeLessThanOrEqual(100)
  })

  it.concurrent('stopped in the middle of an attempt and started again: the task ends COMPLETED', async (context) => {
    const { expect } = context
    const start = await ownState(context)
    const first = await start()
    const { id } = await new Client(first.url).submit({ prompt: 'in hand', model: 'stub-20000-once' })
    await expect.poll(() => server.callsOf('in hand').length).toBe(1)
    // It has some seconds to finish its work, and this task takes longer.
    expect(await first.end('SIGTERM')).toBe(0)
    const task = await new Client((await start()).url).done(id, 150_000)
    expect(task).toMatchObject({ status: 'COMPLETED', result: 'echo: in hand', attempts: 2 })
  })

  it('keeps finished tasks after a clean stop; --fresh deletes them', async (context) => {
    const start = await ownState(context)
    const first = await start()
    const client = new Client(first.url)
    const { id } = await client.submit({ type: 'example.add', input: { x: 1, y: 2 } })
    await client.done(id)
    expect(await first.end('SIGINT')).toBe(0)
    const second = await start()
    expect((await new Client(second.url).get(`/tasks/${id}`)).body).toMatchObject({
      status: 'COMPLETED',
      result: 3,
    })
    expect(await second.end('SIGTERM')).toBe(0)
    const third = await start('--fresh')
    expect((await new Client(third.url).get(`/tasks/${id}`)).status).toBe(404)
  })

  it('says in one line that it is already running', async (context) => {
    const start = await ownState(context)
    const { url } = await start()
    await expect(start()).rejects.toThrow(`It runs already, at ${url}`)
  })

  it('says in one line that the port is taken, and how to choose another', async (context) => {
    const start = await ownState(context)
    const blocker = createServer()
    const port = await new Promise<number>((resolve) =>
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port)),
    )
    await expect(start('--port', String(port))).rejects.toThrow(`Port ${port} is taken.`)
    blocker.close()
  })

  it('says what is wrong with a setting', async (context) => {
    const start = await ownState(context)
    await expect(start('--port', 'http')).rejects.toThrow('PORT is "http"')
  })

  it('answers on loopback only', async (context) => {
    const start = await ownState(context, true)
    const { url, output } = await start()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    expect(output()).toMatch(/claude-\* +→ simulated/)
  })
})
