import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { startModelServer } from '../fixtures/model-server.ts'
import { type RunningProcess, startProcess } from '../fixtures/running.ts'

let server: Awaited<ReturnType<typeof startModelServer>>
let state: string
const processes: RunningProcess[] = []

const start = async (...args: string[]) => {
  const env = { OPENAI_BASE_URL: server.openaiUrl, OPENAI_MODELS: 'stub-*' }
  const started = await startProcess(['--port', '0', ...args], env, state)
  processes.push(started)
  return started
}

beforeAll(async () => {
  server = await startModelServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'runner-process-'))
})
afterEach(async () => {
  for (const { child, end } of processes.splice(0)) if (child.exitCode === null) await end('SIGKILL')
  await rm(state, { recursive: true, force: true })
})

describe('npm start as a process', () => {
  it('killed in the middle of a burst of 200 and started again: all of them end COMPLETED', async () => {
    const first = await start()
    const client = new Client(first.url)
    const prompts = Array.from({ length: 200 }, (_, index) => `killed ${index}`)
    const tasks = await Promise.all(prompts.map((prompt) => client.submit({ prompt, model: 'stub-1000' })))
    await expect.poll(() => server.calls.length, { timeout: 10_000 }).toBeGreaterThan(50)
    expect(await first.end('SIGKILL')).toBe('SIGKILL')
    const before = server.calls.length
    expect(before).toBeLessThan(200)

    const again = new Client((await start()).url)
    // A message that was received and not yet claimed is lost with its receiver: the sweeper is given two rounds.
    const done = await Promise.all(tasks.map(({ id }) => again.done(id, 200_000)))
    expect(done.filter(({ status }) => status !== 'COMPLETED')).toEqual([])
    expect(done.map(({ result }) => result)).toEqual(prompts.map((prompt) => `echo: ${prompt}`))
    // Those in hand when it was killed are asked twice, no other: at most what the lane runs at once.
    expect(prompts.filter((prompt) => server.callsOf(prompt).length > 2)).toEqual([])
    expect(server.calls.length - 200).toBeLessThanOrEqual(100)
  }, 240_000)

  it('stopped in the middle of an attempt and started again: the task ends COMPLETED', async () => {
    const first = await start()
    const { id } = await new Client(first.url).submit({ prompt: 'in hand', model: 'stub-20000-once' })
    await expect.poll(() => server.callsOf('in hand').length).toBe(1)
    // It has some seconds to finish what it does, and this takes longer.
    expect(await first.end('SIGTERM')).toBe(0)
    const task = await new Client((await start()).url).done(id, 150_000)
    expect(task).toMatchObject({ status: 'COMPLETED', result: 'echo: in hand', attempts: 2 })
  }, 200_000)

  it('keeps finished tasks over a clean stop; --fresh forgets them', async () => {
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

  it('says in one line that it runs already', async () => {
    const { url } = await start()
    await expect(start()).rejects.toThrow(`It runs already, at ${url}`)
  })

  it('says in one line that the port is taken, and how to choose another', async () => {
    const blocker = createServer()
    const port = await new Promise<number>((resolve) =>
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port)),
    )
    await expect(start('--port', String(port))).rejects.toThrow(`Port ${port} is taken.`)
    blocker.close()
  })

  it('says what is wrong with a setting', async () => {
    await expect(start('--port', 'http')).rejects.toThrow('PORT is "http"')
  })

  it('answers on loopback alone', async () => {
    const { url, output } = await start()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    expect(output()).toContain('claude-* answered by "simulated"')
  })
})
