/** Compares the product's clients with the providers' official ones: both must classify an answer alike. */
import Anthropic, * as anthropicErrors from '@anthropic-ai/sdk'
import OpenAI, * as openaiErrors from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createAnthropicProvider } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import { startRawServer } from '../fixtures/raw-server.ts'
import { ResponseDesk } from '../fixtures/response-desk.ts'

let server: Awaited<ReturnType<typeof startRawServer>>
beforeAll(async () => {
  server = await startRawServer()
})
afterAll(() => server.stop())
beforeEach(() => void server.calls.splice(0))

let models = 0
const fails = (status: number, headers: Record<string, string> = {}) => {
  const error = { type: 'some_error', message: `it is ${status}` }
  server.answer = (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1', ...headers })
    response.end(JSON.stringify({ type: 'error', error }))
  }
}

/** The error that a client throws, and whether it repeats a call that it may repeat. */
async function ask(call: () => PromiseLike<unknown>) {
  server.calls.length = 0
  const thrown: unknown = await Promise.resolve(call()).then(
    () => undefined,
    (error) => error,
  )
  return { thrown, isRetried: server.calls.length > 1 }
}
async function askOurs(provider: ModelProvider) {
  const { thrown } = await ask(() =>
    provider.generate(
      { model: `m-${++models}`, messages: [{ role: 'user', content: 'hi' }] },
      { signal: new AbortController().signal },
    ),
  )
  return thrown as { code: string; retry: string }
}

/** Status, and its code here when the answer contains nothing else. */
const STATUSES = [
  [400, 'provider_rejected'],
  [401, 'provider_unauthorized'],
  [402, 'provider_quota_exhausted'],
  [403, 'provider_unauthorized'],
  [404, 'provider_rejected'],
  [408, 'provider_timeout'],
  [409, 'provider_unavailable'],
  [412, 'provider_rejected'],
  [413, 'provider_rejected'],
  [418, 'provider_rejected'],
  [422, 'provider_rejected'],
  [429, 'provider_rate_limited'],
  [431, 'provider_rejected'],
  [499, 'provider_unavailable'],
  [500, 'provider_unavailable'],
  [501, 'provider_rejected'],
  [503, 'provider_unavailable'],
  [504, 'provider_timeout'],
  [529, 'provider_unavailable'],
] as const
/** The official clients decide otherwise for these, for a reason that does not apply to a task. */
const DIFFERENT: Readonly<Record<number, string>> = {
  499: 'The server closed the connection early, as a proxy does that gives up: another attempt may succeed.',
  501: 'A server that does not implement a method does not implement it a minute later either.',
}

describe.each([
  {
    of: 'openai',
    errors: openaiErrors as Record<string, unknown>,
    theirs: () =>
      new OpenAI({ apiKey: 'k', baseURL: server.url, maxRetries: 1 }).chat.completions.create({
        model: 'm',
        messages: [{ role: 'user', content: 'hi' }],
        stream: true,
      }),
    ours: () => createOpenaiProvider({ name: 'openai', key: 'a-key', baseUrl: server.url }, Date.now),
  },
  {
    of: '@anthropic-ai/sdk',
    errors: anthropicErrors as Record<string, unknown>,
    theirs: () =>
      new Anthropic({ apiKey: 'k', baseURL: server.url, maxRetries: 1 }).messages.create({
        model: 'm',
        max_tokens: 9,
        messages: [{ role: 'user', content: 'hi' }],
        stream: true,
      }),
    ours: () => createAnthropicProvider({ name: 'anthropic', key: 'a-key', baseUrl: server.url }, Date.now),
  },
])('the error classes of $of', ({ errors, theirs, ours }) => {
  const seen = new Set<unknown>()

  it.each(STATUSES)('%i is %s, repeated by both clients or by neither', async (status, code) => {
    fails(status)
    const official = await ask(theirs)
    seen.add((official.thrown as Error).constructor)
    const own = await askOurs(ours())
    expect(own.code).toBe(code)
    if (status in DIFFERENT) expect(own.retry !== 'never').not.toBe(official.isRetried)
    else expect(own.retry !== 'never').toBe(official.isRetried)
  })

  it.each([
    [500, 'false'],
    [400, 'true'],
  ])('%i with x-should-retry: %s is obeyed by both', async (status, value) => {
    fails(status, { 'x-should-retry': value })
    const official = await ask(theirs)
    const own = await askOurs(ours())
    expect(official.isRetried).toBe(value === 'true')
    expect(own.retry !== 'never').toBe(value === 'true')
  })

  it('all occur in these tests', () => {
    const base = errors.APIError as { prototype: object }
    const classes = Object.entries(errors).filter(
      ([name, value]) =>
        typeof value === 'function' &&
        value.prototype instanceof (base as never) &&
        // Without an answer: a lost connection, a caller's own abort. And flows that no model call has.
        !/Connection|Abort|OAuth|Token|Webhook/.test(name),
    )
    expect(classes.filter(([, value]) => !seen.has(value)).map(([name]) => name)).toEqual([])
    expect(classes.length).toBeGreaterThan(6)
  })
})

describe('the official client of the Responses API', () => {
  it('understands our stub: starts in the background, resumes after a number, cancels', async () => {
    const desk = new ResponseDesk()
    server.answer = (response, { method, path, body }) => void desk.handle(method, path, body, response)
    const client = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 })
    const stream = await client.responses.create({
      model: 'm',
      input: [{ role: 'user', content: 'hi' }],
      background: true,
      store: true,
      stream: true,
    })
    let id = ''
    let cursor = 0
    for await (const event of stream) {
      if (event.type === 'response.created') id = event.response.id
      cursor = event.sequence_number
      if (event.type === 'response.output_text.delta') break
    }
    const rest: string[] = []
    for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: cursor }))
      rest.push(event.type)
    expect(rest).toEqual(['response.output_text.delta', 'response.completed'])
    expect((await client.responses.retrieve(id)).output_text).toBe('echo: hi')
    expect((await client.responses.cancel(id)).status).toBe('completed')
    await expect(client.responses.retrieve('resp_none')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })
})
