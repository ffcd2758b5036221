import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { createClient, StillRunningError, TaskFailedError } from '../../lib/client/client.ts'
import { ApiError, UnreachableError } from '../../lib/client/transport.ts'
import type { TaskOf } from '../../lib/client/types.ts'

interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** A stage that gives these answers, one after the other, and records the requests. */
function stage(...answers: readonly (Response | Error)[]) {
  const sent: Sent[] = []
  const client = createClient({
    url: 'https://api.example.com/live/',
    key: 'secret',
    fetch: async (url, init = {}) => {
      sent.push({
        method: init.method ?? '',
        url: String(url),
        headers: init.headers as Record<string, string>,
        body: init.body === undefined ? undefined : JSON.parse(String(init.body)),
      })
      const answer = answers[Math.min(sent.length, answers.length) - 1]
      if (!answer || answer instanceof Error) throw answer ?? new Error('no answer left')
      return answer.clone()
    },
  })
  return { client, sent }
}
const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers })
const busy = () => json({ title: 'Busy', detail: 'Later.', code: 'unavailable' }, 503, { 'retry-after': '0' })

describe('the client', () => {
  it('submits with an idempotency key of its own and repeats with the same one', async () => {
    const { client, sent } = stage(new Error('socket hang up'), busy(), json({ id: 'a' }, 202))
    expect(await client.tasks.submit('example.add', { x: 1, y: 2 }, { priority: 9 })).toMatchObject({
      id: 'a',
    })
    expect(sent).toHaveLength(3)
    expect(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    expect(sent[0]).toMatchObject({
      method: 'POST',
      url: 'https://api.example.com/live/api/v1/tasks',
      headers: { 'x-api-key': 'secret', 'content-type': 'application/json' },
      body: { type: 'example.add', input: { x: 1, y: 2 }, priority: 9 },
    })
  })

  it('reads events whose text has line ends of other kinds than the protocol’s', async () => {
    const text = 'one\u2028two\u2029three\u0085four: five'
    const body = `id: 1\nevent: text-delta\ndata: ${JSON.stringify({ text })}\n\nid: 2\nevent: end\ndata: {}\n\n`
    const client = createClient({ url: 'https://api.example.com', fetch: async () => new Response(body) })
    const events = []
    for await (const event of client.tasks.events('a')) events.push(event)
    expect(events).toEqual([
      { id: '1', event: 'text-delta', data: { text } },
      { id: '2', event: 'end', data: {} },
    ])
  })

  it('does not repeat a request that changes something when its first answer may have been lost', async () => {
    const { client, sent } = stage(new Error('socket hang up'))
    await expect(client.tasks.retry('a')).rejects.toThrow(UnreachableError)
    await expect(client.queues.redrive('ai')).rejects.toThrow(/Nothing answers at https:\/\/api\.example/)
    expect(sent).toHaveLength(2)
  })

  it('reports why nothing answered, also for a stream of events', async () => {
    const cause = new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED', message: 'refused' } })
    const { client } = stage(cause)
    const next = client.tasks.events('a', { signal: AbortSignal.timeout(20_000) }).next()
    await expect(next).rejects.toMatchObject({
      name: 'UnreachableError',
      reason: 'ECONNREFUSED',
      isForeign: false,
      cause,
    })
  })

  it('reports the error of the stage, with code and fields, and does not repeat the request', async () => {
    const problem = { title: 'Invalid request', detail: 'x is missing.', code: 'invalid_request', errors: [] }
    const { client, sent } = stage(json(problem, 422))
    const error = await client.tasks.get('a/b').catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ status: 422, code: 'invalid_request', problem })
    expect(sent.map(({ url }) => url)).toEqual(['https://api.example.com/live/api/v1/tasks/a%2Fb'])
  })

  it('waits by requests that are answered with 304 while the task is unchanged', async () => {
    const { client, sent } = stage(
      json({ id: 'a', status: 'PENDING' }, 200, { etag: 'W/"1"' }),
      new Response(null, { status: 304 }),
      json({ id: 'a', status: 'COMPLETED', result: 3 }),
    )
    const seen: string[] = []
    const task = await client.tasks.wait<'example.add'>('a', { onChange: ({ status }) => seen.push(status) })
    expect(task.result).toBe(3)
    expect(seen).toEqual(['PENDING', 'COMPLETED'])
    expect(sent.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, 'W/"1"', 'W/"1"'])
  })

  it('stops waiting at its time limit, when it is aborted, and on a task that failed', async () => {
    const pending = stage(json({ id: 'a', status: 'PENDING' }))
    await expect(pending.client.tasks.wait('a', { timeoutMs: 150 })).rejects.toThrow(StillRunningError)
    const stop = new AbortController()
    const waiting = pending.client.tasks.wait('a', { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    const failed = stage(json({ id: 'a', status: 'FAILED', error: { message: 'No.' } }, 202))
    await expect(failed.client.tasks.run('example.add', { x: 1, y: 1 })).rejects.toThrow(TaskFailedError)
  })

  it('reads all pages', async () => {
    const { client, sent } = stage(
      json({ tasks: [{ id: 'a' }], next_cursor: 'c1' }),
      json({ tasks: [{ id: 'b' }], next_cursor: null }),
    )
    const ids: string[] = []
    for await (const { id } of client.tasks.all({ status: 'FAILED', limit: 1 })) ids.push(id)
    expect(ids).toEqual(['a', 'b'])
    expect(new URL(sent[1]?.url ?? '').search).toBe('?status=FAILED&limit=1&cursor=c1')
  })

  it('is typed by task type and by operation', () => {
    const { client } = stage()
    const compiled = () => [
      // @ts-expect-error y is a number
      client.tasks.submit('example.add', { x: 1, y: '2' }),
      // @ts-expect-error there is no such type
      client.tasks.submit('example.ad', {}),
      // @ts-expect-error there is no such status
      client.tasks.list({ status: 'DONE' }),
      // @ts-expect-error there is no such field
      client.queues.redrive('ai', { dryrun: true }),
      client.tasks.submit('example.run', {}),
    ]
    expect(compiled).toBeTypeOf('function')
    const sum = (task: TaskOf<'example.add'>): number | null => task.result
    expect(sum({ result: 3 } as TaskOf<'example.add'>)).toBe(3)
  })

  it('is smaller than 10 kB and runs without Node', async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: ['lib/client/client.ts'],
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      write: false,
      metafile: true,
    })
    expect(outputFiles[0]?.contents.byteLength).toBeLessThan(10_000)
    expect(Object.keys(metafile.inputs).filter((path) => !path.startsWith('lib/client/'))).toEqual([])
  })
})
