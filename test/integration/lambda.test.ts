import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Gateway } from '../../lib/local/emulator/gateway/gateway.ts'
import { EventSource } from '../../lib/local/emulator/lambda/event-source.ts'
import { FunctionLog } from '../../lib/local/emulator/lambda/function-log.ts'
import { FunctionPool } from '../../lib/local/emulator/lambda/function-pool.ts'
import type { Isolation } from '../../lib/local/emulator/lambda/sandbox.ts'
import { type Service, startService } from '../../lib/local/emulator/services/service.ts'
import { openSqs } from '../fixtures/running.ts'

let folder: string
let queues: Service
let sqs: SQSClient
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lambda-'))
  const directory = join(folder, 'queues')
  const [accessKeyId, secretAccessKey] = ['test', 'secret']
  const keys = { [accessKeyId]: secretAccessKey }
  queues = await startService({ kind: 'sqs-s3', directory, region: 'eu-central-1', keys })
  sqs = openSqs(queues.endpoint, { accessKeyId, secretAccessKey })
})
afterAll(async () => {
  sqs.destroy()
  await queues.stop()
  await rm(folder, { recursive: true, force: true })
})

/** A function of this source, in an environment of its own. */
async function makePool(
  source: string,
  { limit = 2, timeoutMs = 2_000, memoryMb = 128, env = {}, isolation = 'thread' as Isolation } = {},
) {
  const codeDirectory = await mkdtemp(join(folder, 'code-'))
  await mkdir(codeDirectory, { recursive: true })
  await writeFile(join(codeDirectory, 'index.mjs'), source)
  const plan = {
    arn: 'arn:aws:lambda:eu-central-1:000000000000:function:f',
    functionName: 'f',
    name: 'f',
    codeDirectory,
    handler: 'index.handler',
    memoryMb,
    timeoutMs,
    environment: {},
    logGroup: 'group',
  }
  const log = new FunctionLog(join(codeDirectory, 'f.log'))
  return new FunctionPool(plan, { env, compileCache: join(folder, 'cache'), log, limit, keep: 0, isolation })
}

describe.each(['thread', 'process'] as const)('an execution environment in a %s', (isolation) => {
  it('is separate from others, handles one event at a time, and is reused', async () => {
    const pool = await makePool(
      'let n = 0; export const handler = async (event) => ({ n: ++n, own: process.env.OWN, path: process.env.PATH, event })',
      { env: { OWN: 'mine' }, isolation },
    )
    expect(await pool.invoke({ a: 1 })).toEqual({ n: 1, own: 'mine', event: { a: 1 } })
    expect(await pool.invoke({ a: 2 })).toMatchObject({ n: 2 })
    expect(pool.environments).toHaveLength(1)
    await pool.close(0)
  })

  it('gives its caller an error when it is ended before its code runs', async () => {
    const pool = await makePool('export const handler = async () => 1', { isolation })
    const answer = pool.invoke({})
    const isRefused = expect(answer).rejects.toThrow('Killed')
    await Promise.resolve()
    await pool.environments[0]?.stop()
    await isRefused
    expect(await pool.invoke({})).toBe(1)
    await pool.close(0)
  })

  it('counts towards a maximum number; further invocations wait', async () => {
    const pool = await makePool(
      'export const handler = async () => { await new Promise((r) => setTimeout(r, 100)); return Date.now() }',
      { limit: 2, isolation },
    )
    await Promise.all(Array.from({ length: 6 }, () => pool.invoke({})))
    expect(pool.environments).toHaveLength(2)
    await pool.close(0)
  })

  it.each([
    [
      'throws',
      'export const handler = async () => { throw new RangeError("too far") }',
      'RangeError: too far',
    ],
    ['does not end in time', 'export const handler = () => new Promise(() => {})', 'Sandbox.Timedout'],
    ['ends itself', 'export const handler = async () => { process.exit(3) }', 'Runtime.ExitError'],
    [
      'crashes beside the handler',
      'export const handler = () => new Promise(() => setTimeout(() => { throw new Error("loose") }, 10))',
      'loose',
    ],
    [
      'uses up its memory',
      'export const handler = async () => { const a = []; for (;;) a.push(new Array(1e5).fill(Math.random())) }',
      'Runtime.OutOfMemory',
    ],
    ['cannot be loaded', 'throw new Error("bad config")', 'bad config'],
  ])(
    'a function that %s is an error to its caller, and the next call finds a fresh one',
    async (_, source, message) => {
      const pool = await makePool(source, { timeoutMs: 1_500, memoryMb: 32, isolation })
      await expect(pool.invoke({})).rejects.toThrow(message)
      await expect(pool.invoke({})).rejects.toThrow(message)
      await pool.close(0)
    },
  )
})

describe('an event source', () => {
  const depth = async (url: string) => {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
    )
    return (
      Number(Attributes?.ApproximateNumberOfMessages) +
      Number(Attributes?.ApproximateNumberOfMessagesNotVisible)
    )
  }
  const run = async (name: string, source: string, bodies: readonly string[], maxConcurrency = 2) => {
    const { QueueUrl: queueUrl = '' } = await sqs.send(
      new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: '1' } }),
    )
    for (const body of bodies)
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }))
    const pool = await makePool(source, { limit: maxConcurrency })
    const warnings: string[] = []
    const plan = {
      id: 'source',
      queueArn: 'arn',
      functionName: 'f',
      batchSize: 10,
      windowMs: 0,
      maxConcurrency,
      reportsFailures: true,
    }
    const options = {
      plan,
      queueUrl,
      region: 'eu-central-1',
      pool,
      sqs,
      warn: (text: string) => warnings.push(text),
    }
    const eventSource = new EventSource(options)
    eventSource.start()
    return {
      queueUrl,
      warnings,
      pool,
      stop: async () => {
        await eventSource.stop()
        await eventSource.drained()
        await pool.close(0)
      },
    }
  }

  it('deletes messages that succeeded, and the others are delivered again', async () => {
    const source = `const seen = new Map()
      export const handler = async ({ Records }) => {
        const failed = []
        for (const { messageId, body } of Records) {
          seen.set(body, (seen.get(body) ?? 0) + 1)
          if (body === 'twice' && seen.get(body) < 2) failed.push({ itemIdentifier: messageId })
        }
        return { batchItemFailures: failed }
      }`
    const running = await run('partial', source, ['once', 'twice', 'other'], 1)
    await expect.poll(() => depth(running.queueUrl)).toBe(0)
    expect(running.warnings).toEqual([])
    await running.stop()
  })

  it('delivers a batch again as a whole when it fails as a whole', async () => {
    const source =
      'let n = 0; export const handler = async () => { if (++n === 1) throw new Error("first"); return {} }'
    const running = await run('whole', source, ['a', 'b'], 1)
    await expect.poll(() => running.warnings.length).toBeGreaterThan(0)
    expect(await depth(running.queueUrl)).toBe(2)
    await expect.poll(() => depth(running.queueUrl)).toBe(0)
    await running.stop()
  })

  it('fails the whole batch for a failure without a message id, as Lambda does', async () => {
    const source = 'export const handler = async () => ({ batchItemFailures: [{ itemIdentifier: "" }] })'
    const running = await run('empty-id', source, ['a'], 1)
    await expect.poll(() => running.warnings[0]).toContain('without a message id')
    expect(await depth(running.queueUrl)).toBe(1)
    await running.stop()
  })

  it('runs at most its maximum number of batches at once', async () => {
    const source = 'export const handler = async () => { await new Promise((r) => setTimeout(r, 300)) }'
    const bodies = Array.from({ length: 40 }, (_, index) => String(index))
    const running = await run('concurrency', source, bodies, 2)
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, running.pool.running)
    }, 10)
    await expect.poll(() => depth(running.queueUrl)).toBe(0)
    clearInterval(watch)
    expect(most).toBe(2)
    await running.stop()
  })

  it('loads two environments at a time, and receives no messages for a third meanwhile', async () => {
    const source = `await new Promise((resolve) => setTimeout(resolve, 300))
      export const handler = async () => { await new Promise((resolve) => setTimeout(resolve, 2_000)) }`
    const bodies = Array.from({ length: 60 }, (_, index) => String(index))
    const running = await run('loading', source, bodies, 6)
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, running.pool.loading.length)
    }, 5)
    await expect.poll(() => running.pool.environments.length).toBe(6)
    clearInterval(watch)
    expect(most).toBe(2)
    await running.stop()
  })
})

describe.each(['thread', 'process'] as const)('memory of an environment in a %s', (isolation) => {
  const again =
    '; globalThis.kept = kept; await new Promise((resolve) => setTimeout(resolve, 5_000)) } return "alive" }'
  const hungry = (code: string) =>
    `export const handler = async ({ isHungry }) => { if (isHungry) { ${code}${again}`
  it.each([
    ['many small objects', 'const kept = []; for (;;) kept.push(new Array(100_000).fill(Math.random()))'],
    ['one large text', 'const kept = JSON.stringify(Buffer.alloc(150_000_000, 97).toString("latin1") + "x")'],
    ['a large answer, parsed', 'const kept = JSON.parse("[" + "[1,2],".repeat(4_000_000) + "1]")'],
    ['bytes outside of the heap', 'const kept = Buffer.alloc(400_000_000, 1)'],
  ])('ends only that environment when it is used up: %s', async (_name, code) => {
    const pool = await makePool(hungry(code), { timeoutMs: 30_000, limit: 1, isolation })
    await expect(pool.invoke({ isHungry: true })).rejects.toThrow('The function used more than 128 MB')
    expect(await pool.invoke({})).toBe('alive')
    await pool.close(0)
  })
})

describe('an environment in a separate process', () => {
  const again = 'globalThis.kept = kept; await new Promise((resolve) => setTimeout(resolve, 5_000))'
  it.each([
    ['one allocation of 3 GB', 'const kept = Buffer.alloc(3_000_000_000, 1)'],
    ['heap that grows by a gigabyte at once', 'const kept = new Array(130_000_000).fill(0.5)'],
    ['many buffers', 'const kept = []; for (let n = 0; n < 40; n++) kept.push(Buffer.alloc(100_000_000, 1))'],
    [
      'memory of WebAssembly',
      'const kept = new WebAssembly.Memory({ initial: 40_000 }); new Uint8Array(kept.buffer).fill(1)',
    ],
    [
      'a thread that the function starts',
      `const { Worker } = await import('node:worker_threads')
      const kept = new Worker('const a = []; for (;;) a.push(Buffer.alloc(50_000_000, 1))', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 4_000 } })`,
    ],
    ['V8 itself, out of memory in one step', 'const kept = "x".repeat(500_000_000).split("")'],
  ])('protects the runtime from what would end it: %s', async (_name, code) => {
    const source = `export const handler = async ({ isHungry }) => { if (isHungry) { ${code}; ${again} } return "alive" }`
    const pool = await makePool(source, { timeoutMs: 30_000, limit: 1, isolation: 'process' })
    await expect(pool.invoke({ isHungry: true })).rejects.toThrow('The function used more than 128 MB')
    expect(await pool.invoke({})).toBe('alive')
    await pool.close(0)
  })

  it('ends with the process that started it, and the function cannot see that process', async () => {
    const pool = await makePool(
      'export const handler = async () => ({ pid: process.pid, send: typeof process.send, names: Object.keys(process.env).filter((name) => name.startsWith("NODE_")) })',
      { isolation: 'process' },
    )
    const { pid, ...told } = (await pool.invoke({})) as { pid: number }
    expect(pid).not.toBe(process.pid)
    expect(told).toEqual({ send: 'undefined', names: [] })
    process.kill(pid, 'SIGINT')
    expect(await pool.invoke({})).toMatchObject({ pid })
    await pool.close(0)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })
})

/** Runs it while this process has used up a resource; then the limit is removed. */
async function scarce<Value>(
  resource: 'nofile' | 'fsize',
  act: () => Promise<Value>,
  giveBackMs: number,
): Promise<Value> {
  const limit = (value: string) => `prlimit --pid ${process.pid} --${resource}=${value}:`
  const least = resource === 'nofile' ? `$(ls /proc/${process.pid}/fd | wc -l)` : '0'
  const most = resource === 'nofile' ? '$(ulimit -Hn)' : 'unlimited'
  // Started before, because nothing can start without file descriptors.
  const helper = spawn('sh', ['-c', `${limit(least)}; echo; sleep ${giveBackMs / 1_000}; ${limit(most)}`])
  const isOver = once(helper, 'exit')
  await once(helper.stdout, 'data')
  try {
    return await act()
  } finally {
    await isOver
  }
}

it.runIf(process.platform === 'linux')('a log continues when a full disk has space again', async () => {
  const log = new FunctionLog(join(folder, 'full.log'))
  log.write('before')
  const pause = () => new Promise((resolve) => setTimeout(resolve, 100))
  await pause()
  await scarce(
    'fsize',
    async () => {
      log.write('nowhere to go')
      await pause()
    },
    300,
  )
  log.write('after')
  log.write('last')
  await log.close()
  expect(await readFile(join(folder, 'full.log'), 'utf8')).toBe('before\nafter\nlast\n')
})

describe.runIf(process.platform === 'linux').each(['thread', 'process'] as const)(
  'without file descriptors for another %s',
  (isolation) => {
    it('an invocation waits for a new environment, or for one that is busy', async () => {
      const source = 'export const handler = async ({ n }) => n'
      const pool = await makePool(source, { limit: 4, isolation })
      const invoke = (n: number) => pool.invoke({ n })
      expect(await scarce('nofile', () => Promise.all([1, 2, 3].map(invoke)), 1_500)).toEqual([1, 2, 3])
      const before = pool.environments.length
      expect(await scarce('nofile', () => Promise.all([4, 5, 6].map(invoke)), 500)).toEqual([4, 5, 6])
      expect(before).toBeGreaterThan(0)
      await pool.close(0)
    })
  },
)

describe('an answer that is streamed', () => {
  /** The REST API with this function on one streamed path. */
  async function serve(source: string, timeoutMs = 5_000) {
    const pool = await makePool(source, { timeoutMs: 10_000 })
    const gateway = new Gateway({ port: 0, region: 'eu-central-1', home: '/' })
    const method = { path: '/events', method: 'GET', functionName: 'f', isStreamed: true, timeoutMs }
    gateway.serve({ name: 'api', stageName: 'local', methods: [method], answers: {} }, (_name, event, take) =>
      pool.invokeText(event, take),
    )
    const url = `http://127.0.0.1:${await gateway.listen()}/events`
    const stop = async () => {
      await gateway.close()
      await pool.close(0)
    }
    return { url, pool, stop }
  }
  const streaming = (body: string) => `
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
      const open = (prelude) => awslambda.HttpResponseStream.from(responseStream, prelude)
      ${body}
    })`

  it('begins before the function has ended, with the status, headers and cookies of its prelude', async () => {
    const { url, stop } = await serve(
      `${streaming(`
        const stream = open({ statusCode: 201, headers: { 'content-type': 'text/event-stream' }, cookies: ['a=1'] })
        stream.write('data: ' + event.path + '\\n\\n')
        while (!globalThis.isReleased) await pause(5)
        stream.end('data: last\\n\\n')`)}\nsetTimeout(() => { globalThis.isReleased = true }, 1_500)`,
    )
    const response = await fetch(url)
    expect(response.status).toBe(201)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('set-cookie')).toBe('a=1')
    const pieces: string[] = []
    for await (const piece of response.body ?? []) pieces.push(Buffer.from(piece).toString())
    expect(pieces[0]).toBe('data: /events\n\n')
    expect(pieces.at(-1)).toContain('data: last')
    expect(pieces.length).toBeGreaterThan(1)
    await stop()
  })

  it('waits for a client that reads slowly, and delivers everything', async () => {
    const { url, stop } = await serve(
      streaming(`
        const stream = open({ statusCode: 200 })
        for (let n = 0; n < 200; n += 1)
          if (!stream.write(Buffer.alloc(100_000, n))) await new Promise((resolve) => stream.once('drain', resolve))
        stream.end()`),
    )
    const response = await fetch(url)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.length).toBe(20_000_000)
    expect(bytes.at(-1)).toBe(199)
    await stop()
  })

  it('closes the connection when it breaks off; when it never began, the gateway answers with an error', async () => {
    const begun = await serve(
      streaming(`open({ statusCode: 200 }).write('half'); await pause(50); throw new Error('x')`),
    )
    const response = await fetch(begun.url)
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
    await begun.stop()
    const never = await serve(streaming(`throw new Error('x')`))
    expect((await fetch(never.url)).status).toBe(504)
    await never.stop()
    const plain = await serve('export const handler = async () => ({ statusCode: 200, body: "{}" })')
    expect((await fetch(plain.url)).status).toBe(504)
    await plain.stop()
  })

  it('ends at the time limit of its integration', async () => {
    const { url, stop } = await serve(
      streaming(`open({ statusCode: 200 }).write('a'); await pause(9_000)`),
      300,
    )
    const response = await fetch(url)
    await expect(response.text()).rejects.toThrow()
    await stop()
  })

  it('continues when its client has left, and the environment is used again', async () => {
    const { url, pool, stop } = await serve(
      streaming(`
        const stream = open({ statusCode: 200 })
        for (let n = 0; n < 20; n += 1) { stream.write('piece'); await pause(20) }
        stream.end()`),
    )
    const hangUp = new AbortController()
    const response = await fetch(url, { signal: hangUp.signal })
    expect(response.status).toBe(200)
    hangUp.abort()
    await expect.poll(() => pool.running).toBe(0)
    expect(await (await fetch(url)).text()).toBe('piece'.repeat(20))
    expect(pool.environments).toHaveLength(1)
    await stop()
  })

  it('is returned complete to a caller that invokes the function directly', async () => {
    const pool = await makePool(streaming(`responseStream.write('a'); responseStream.end('b')`))
    expect(await pool.invoke({})).toBe('ab')
    await pool.close(0)
  })
})
