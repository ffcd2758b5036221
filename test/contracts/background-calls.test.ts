import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import type { BackgroundCalls, CallOutcome, ModelRequest } from '../../functions/core/ports/model-provider.ts'
import { startRawServer } from '../fixtures/raw-server.ts'
import { ResponseDesk } from '../fixtures/response-desk.ts'

let server: Awaited<ReturnType<typeof startRawServer>>
let desk: ResponseDesk
let count = 0
/** The providers remember what a model does not support, so each test uses another model. */
let model: string

beforeAll(async () => {
  server = await startRawServer()
})
afterAll(() => server.stop())
beforeEach(() => {
  desk = new ResponseDesk()
  model = `o9-${++count}`
  server.calls.length = 0
  server.answer = (response, { path, method, body }) => {
    if (!desk.handle(method, path, body, response)) response.writeHead(404).end('{}')
  }
})

const open = (): BackgroundCalls => {
  const { background } = createOpenaiProvider(
    { name: 'openai', key: 'key', baseUrl: `${server.url}/v1`, background: ['o9-*'], pollMs: 20 },
    Date.now,
  )
  if (!background) throw new Error('no background')
  return background
}
const request = (prompt: string, more: Partial<ModelRequest> = {}): ModelRequest => ({
  model,
  messages: [{ role: 'user', content: prompt }],
  ...more,
})
const options = (signal = new AbortController().signal) => {
  const said: string[] = []
  return { said, signal, onDelta: (text: string) => void said.push(text) }
}
const start = async (prompt: string, how = options(), more: Partial<ModelRequest> = {}) => {
  const started = await open().start(request(prompt, more), how)
  if (!started) throw new Error('not started')
  return started
}
const ANSWER = {
  kind: 'answered',
  answer: {
    text: 'echo: hi',
    usage: { inputTokens: 7, outputTokens: 3, cachedTokens: 2, reasoningTokens: 1 },
    finishReason: 'stop',
  },
}

describe('a background call', () => {
  it('has an id before its answer, streams its text, and is stored by the provider', async () => {
    const how = options()
    const started = await start('hi', how, { system: 'brief', maxTokens: 9, temperature: 0.5 })
    expect(started.id).toMatch(/^resp_1/)
    expect(await started.outcome()).toEqual(ANSWER)
    expect(how.said).toEqual(['echo: ', 'hi'])
    expect(desk.bodies).toMatchObject([
      {
        background: true,
        store: true,
        stream: true,
        instructions: 'brief',
        max_output_tokens: 9,
        temperature: 0.5,
      },
    ])
    expect(desk.asked).toEqual(['POST /responses'])
  })

  it('can be read from its beginning by a later attempt, without a second call', async () => {
    desk.ways.pieceMs = 20
    const abort = new AbortController()
    const { id } = await start('hi', options(abort.signal))
    abort.abort(new Error('the process is gone'))
    const how = options()
    expect(await open().attach(id, how)).toEqual(ANSWER)
    expect(how.said).toEqual(['echo: ', 'hi'])
    // Also long after its end.
    expect(await open().attach(id, options())).toEqual(ANSWER)
    expect(desk.started).toHaveLength(1)
  })

  it.each(['after', 'from the start'] as const)(
    'reconnects when its connection drops, sent %s, and reports no text twice',
    async (resume) => {
      desk.ways = {
        ...desk.ways,
        resume,
        dropAfter: resume === 'after' ? 2 : 4,
        pieces: () => ['a', 'b', 'c', 'd'],
        pieceMs: 5,
      }
      const how = options()
      const outcome = await (await start('hi', how)).outcome()
      expect(outcome).toMatchObject({ kind: 'answered', answer: { text: 'abcd' } })
      expect(how.said.join('')).toBe('abcd')
      expect(desk.started).toHaveLength(1)
      expect(desk.asked[1]).toMatch(/^GET \/responses\/resp_1_\w+\?stream=true&starting_after=\d$/)
    },
  )

  it('whose stream has expired is polled until it ends', async () => {
    desk.ways = { ...desk.ways, resume: 'too old', pieceMs: 40 }
    const abort = new AbortController()
    const { id } = await start('hi', options(abort.signal))
    abort.abort()
    const how = options()
    expect(await open().attach(id, how)).toEqual(ANSWER)
    expect(how.said.join('')).toBe('echo: hi')
  })

  it('on a server that reports its state and has no stream is polled until it ends', async () => {
    desk.ways = { ...desk.ways, speaks: 'states only', pieceMs: 20 }
    const how = options()
    expect(await (await start('hi', how)).outcome()).toEqual(ANSWER)
    expect(how.said.join('')).toBe('echo: hi')
    expect(desk.started).toHaveLength(1)
  })

  it('that the server no longer knows, or that was cancelled, is reported as gone', async () => {
    const { id } = await start('hi')
    desk.forget()
    expect(await open().attach(id, options())).toEqual({ kind: 'gone' })
    desk.ways.pieceMs = 60_000
    const { id: other } = await start('hi')
    await open().cancel(other)
    expect(desk.cancelled).toEqual([other])
    expect(await open().attach(other, options())).toEqual({ kind: 'gone' })
    // Never throws, whatever the server says.
    await open().cancel('resp_nobody')
  })

  it.each<[string, Record<string, unknown>, object]>([
    [
      'at a limit of tokens',
      { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      { kind: 'answered', answer: { finishReason: 'length' } },
    ],
    [
      'by a filter',
      { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
      { kind: 'failed', error: { code: 'content_refused', retry: 'never' } },
    ],
    [
      'by a refusal',
      { status: 'completed', output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'no' }] }] },
      { kind: 'failed', error: { code: 'content_refused', retry: 'never' } },
    ],
    [
      'at an unknown limit',
      { status: 'incomplete', incomplete_details: { reason: 'tired' } },
      { kind: 'failed', error: { code: 'provider_bad_answer', retry: 'counted' } },
    ],
    [
      'by a fault of the server',
      { status: 'failed', error: { code: 'server_error', message: 'sorry' } },
      { kind: 'failed', error: { code: 'provider_unavailable', retry: 'counted' } },
    ],
    [
      'by a limit of rate',
      { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'slow down' } },
      { kind: 'failed', error: { code: 'provider_rate_limited', retry: 'counted' } },
    ],
    [
      'by an invalid prompt',
      { status: 'failed', error: { code: 'invalid_prompt', message: 'Invalid prompt.' } },
      { kind: 'failed', error: { code: 'provider_rejected', retry: 'never' } },
    ],
    [
      'by a policy',
      { status: 'failed', error: { code: 'bio_policy', message: 'no' } },
      { kind: 'failed', error: { code: 'content_refused', retry: 'never' } },
    ],
    [
      'by a picture',
      { status: 'failed', error: { code: 'image_too_large', message: 'no' } },
      { kind: 'failed', error: { code: 'provider_rejected', retry: 'never' } },
    ],
    [
      'in an unknown state',
      { status: 'melted' },
      { kind: 'failed', error: { code: 'provider_bad_answer', retry: 'counted' } },
    ],
  ])('that ends %s is reported so, with its tokens', async (_, end, expected) => {
    desk.ways.end = () => end
    const outcome = (await (await start('hi')).outcome()) as CallOutcome
    expect(outcome).toMatchObject(expected)
    if (outcome.kind === 'failed') expect(outcome.error.usage?.inputTokens).toBe(7)
  })

  it.each(['nothing', 'foreground only'] as const)(
    'is not made on a server that speaks %s, and is not tried there again',
    async (speaks) => {
      desk.ways.speaks = speaks
      const background = open()
      expect(background.takes(request('hi'))).toBe(true)
      expect(await background.start(request('hi'), options())).toBeUndefined()
      expect(open().takes(request('hi'))).toBe(false)
      expect(desk.started).toHaveLength(0)
    },
  )

  it('is not made for other models, nor for fields that the Responses API does not have', () => {
    expect(open().takes({ ...request('hi'), model: 'gpt-4o' })).toBe(false)
    expect(open().takes(request('hi', { stop: ['.'] }))).toBe(false)
  })

  it('stops at once when it is aborted; one without an id gets its id first, so that it can be cancelled', async () => {
    desk.ways.pieceMs = 60_000
    const abort = new AbortController()
    const started = await start('hi', options(abort.signal))
    const outcome = started.outcome()
    setTimeout(() => abort.abort(new Error('cancelled')), 20)
    await expect(outcome).rejects.toThrow('cancelled')
    const early = new AbortController()
    const naming = open().start(request('hi'), options(early.signal))
    early.abort(new Error('cancelled'))
    const named = await naming.catch(() => undefined)
    expect(named?.id).toMatch(/^resp_/)
  })

  it('whose state cannot be read may still run: this is an error, not an end', async () => {
    desk.ways.pieceMs = 60_000
    const { id } = await start('hi')
    server.answer = (response) => response.writeHead(503).end('{}')
    await expect(open().attach(id, options())).rejects.toMatchObject({
      code: 'provider_unavailable',
      retry: 'counted',
    })
    server.answer = (response) => response.writeHead(401).end('{}')
    await expect(open().attach(id, options())).rejects.toMatchObject({
      code: 'provider_unauthorized',
      retry: 'never',
    })
  })

  it('for a reasoning model that refuses a temperature is repeated without it', async () => {
    server.answer = (response, { path, method, body }, nth) => {
      if (nth === 1)
        return void response
          .writeHead(400)
          .end(
            '{"error":{"message":"Unsupported parameter: \'temperature\' is not supported with this model."}}',
          )
      desk.handle(method, path, body, response)
    }
    await (await start('hi', options(), { temperature: 1 })).outcome()
    await (await start('hi', options(), { temperature: 1 })).outcome()
    expect(server.calls.map(({ body }) => body.temperature)).toEqual([1, undefined, undefined])
  })
})
