/** Answers in the forms that real servers send; most of them differ from the protocol. */
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createAnthropicProvider } from '../../functions/core/adapters/providers/anthropic/anthropic-provider.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import { sse, startRawServer } from '../fixtures/raw-server.ts'

const NOW = Date.parse('2026-11-25T12:00:00Z')
const KEY = 'a key of no known shape'
let server: Awaited<ReturnType<typeof startRawServer>>
beforeAll(async () => {
  server = await startRawServer()
})
afterAll(() => server.stop())
beforeEach(() => void server.calls.splice(0))

let models = 0
/** Each call uses another model, so that no test depends on what another one detected. */
const generate = (provider: ModelProvider, more: object = {}) =>
  provider.generate(
    { model: `m-${++models}`, messages: [{ role: 'user', content: 'hi' }], ...more },
    { signal: new AbortController().signal },
  )
const openai = () =>
  createOpenaiProvider({ name: 'openai', key: KEY, baseUrl: `${server.url}/v1` }, () => NOW)
const anthropic = () =>
  createAnthropicProvider({ name: 'anthropic', key: KEY, baseUrl: server.url }, () => NOW)

const delta = (content: unknown, finish: string | null = null, more: object = {}) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
  ...more,
})
const end = (finish: string | null, more: object = {}) => ({
  choices: [{ index: 0, delta: {}, finish_reason: finish }],
  ...more,
})
const stream = (...events: readonly unknown[]) => {
  server.answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(sse(...events))
  }
}
const failing = (status: number, body: unknown, headers: Record<string, string> = {}) => {
  server.answer = (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

describe('the end of an answer', () => {
  it.each([
    ['abort', 'provider_bad_answer', 'counted'],
    ['error', 'provider_bad_answer', 'counted'],
    ['insufficient_system_resource', 'provider_bad_answer', 'counted'],
    ['network_error', 'provider_bad_answer', 'counted'],
    ['an unknown word', 'provider_bad_answer', 'counted'],
    ['constructor', 'provider_bad_answer', 'counted'],
    ['SAFETY', 'content_refused', 'never'],
    ['content_filter: self-harm', 'content_refused', 'never'],
    ['tool_calls', 'provider_bad_answer', 'never'],
  ])('"%s" after half a text is %s, retried: %s', async (finish, code, retry) => {
    stream(delta('half a'), end(finish, { usage: { prompt_tokens: 5, completion_tokens: 2 } }))
    await expect(generate(openai())).rejects.toMatchObject({
      code,
      retry,
      usage: { inputTokens: 5, outputTokens: 2 },
    })
    expect(server.calls).toHaveLength(1)
  })

  it.each(['length', 'max_tokens', 'MAX_TOKENS', 'pause_turn', 'model_length'])(
    '"%s" is truncated',
    async (finish) => {
      stream(delta('half a'), end(finish))
      expect(await generate(openai())).toMatchObject({ text: 'half a', finishReason: 'length' })
    },
  )

  it.each(['stop', 'STOP', 'eos_token', 'end_turn', 'COMPLETE'])('"%s" is complete', async (finish) => {
    stream(delta('whole'), end(finish))
    expect(await generate(openai())).toMatchObject({ text: 'whole', finishReason: 'stop' })
  })

  it.each([
    ['nothing at all', [end('stop')]],
    ['only reasoning', [{ choices: [{ delta: { reasoning_content: 'hm' } }] }, end('stop')]],
    ['a number for a text', [delta(7), end('stop')]],
    ['an object for a text', [delta({ text: 'x' }), end('stop')]],
    ['choices that are none', [{ choices: 'x' }]],
    ['an array', [[1, 2]]],
    ['no end', [delta('half a')]],
  ])('%s is a bad answer', async (_, events) => {
    stream(...events)
    await expect(generate(openai())).rejects.toMatchObject({ code: 'provider_bad_answer', retry: 'counted' })
  })

  it('an answer that only calls a tool, although no tool was offered, is a bad answer and not retried: the model would call it again', async () => {
    stream({ choices: [{ delta: { tool_calls: [{}] } }] }, end('stop'))
    await expect(generate(openai())).rejects.toMatchObject({ code: 'provider_bad_answer', retry: 'never' })
  })

  it('reasoning that uses up all tokens is a truncated answer and not retried', async () => {
    stream({ choices: [{ delta: { reasoning_content: 'hm' } }] }, end('length'))
    await expect(generate(openai())).rejects.toMatchObject({ code: 'answer_truncated', retry: 'never' })
  })

  it.each([
    ['message in place of delta', [{ choices: [{ message: { content: 'whole' }, finish_reason: 'stop' }] }]],
    [
      'text in place of delta',
      [{ choices: [{ text: 'who' }] }, { choices: [{ text: 'le', finish_reason: 'stop' }] }],
    ],
    [
      'parts',
      [
        delta([
          { type: 'thinking', thinking: [] },
          { type: 'text', text: 'whole' },
        ]),
        end('stop'),
      ],
    ],
    ['a reason with every piece', [delta('who', 'stop'), delta('le', 'stop')]],
    [
      'the whole repeated at the end',
      [delta('whole'), { choices: [{ message: { content: 'whole' }, finish_reason: 'stop' }] }],
    ],
  ])('%s is read as text', async (_, events) => {
    stream(...events)
    expect(await generate(openai())).toMatchObject({ text: 'whole', finishReason: 'stop' })
  })

  it('a refusal by the model is content_refused, with its token usage', async () => {
    stream(
      { choices: [{ delta: { refusal: 'No.' } }] },
      end('stop', { usage: { prompt_tokens: 5, completion_tokens: 2 } }),
    )
    await expect(generate(openai())).rejects.toMatchObject({
      code: 'content_refused',
      usage: { inputTokens: 5 },
    })
  })

  it.each<[string, (response: ServerResponse) => void]>([
    ['drops', (response) => response.destroy()],
    ['stays open', () => undefined],
  ])('a connection that %s after the end does not change the answer', async (_, after) => {
    server.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(sse(delta('whole'), end('stop')), () => setTimeout(after, 50, response))
    }
    expect(await generate(openai())).toMatchObject({ text: 'whole', usage: { inputTokens: null } })
    expect(server.calls).toHaveLength(1)
  })

  it.each(['application/json', 'text/event-stream', 'text/plain'])(
    'a whole document in place of a stream is used (%s)',
    async (type) => {
      server.answer = (response) => {
        response.writeHead(200, { 'content-type': type })
        response.write('\n {"choices": [{"index": 0, "message": {"content": "who')
        setTimeout(() => {
          // And leaves the connection open.
          response.write(
            'le"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}',
          )
        }, 20)
      }
      expect(await generate(openai())).toMatchObject({ text: 'whole', usage: { inputTokens: 5 } })
    },
  )

  it('events are read in whatever pieces they arrive and however they end', async () => {
    const bytes = Buffer.from(
      `: comment\r\n\r\nevent: x\r\n${sse(delta('你好 🌍')).replaceAll('\n', '\r\n')}${sse(end('stop'))}`,
    )
    server.answer = async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const byte of bytes) {
        response.write(Buffer.of(byte))
        if (byte % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    }
    expect(await generate(openai())).toMatchObject({ text: '你好 🌍' })
  })
})

describe('the token counts of an answer', () => {
  it.each([
    ['negative', -5],
    ['broken', 1.5],
    ['a text', '7'],
    ['too large for a number', 1e300],
    ['missing', undefined],
    ['null', null],
    ['an object', {}],
  ])('that are %s are unknown, and the answer is used', async (_, tokens) => {
    stream(delta('whole'), end('stop'), {
      choices: [],
      usage: { prompt_tokens: tokens, completion_tokens: 2 },
    })
    expect(await generate(openai())).toMatchObject({
      text: 'whole',
      usage: { inputTokens: null, outputTokens: 2 },
    })
  })

  it('include cached and reasoning tokens, from the last event', async () => {
    stream(delta('whole'), end('stop'), {
      choices: [],
      usage: {
        prompt_tokens: 50,
        completion_tokens: 20,
        prompt_tokens_details: { cached_tokens: 40 },
        completion_tokens_details: { reasoning_tokens: 15 },
      },
    })
    expect((await generate(openai())).usage).toEqual({
      inputTokens: 50,
      outputTokens: 20,
      cachedTokens: 40,
      reasoningTokens: 15,
    })
  })

  it('of Anthropic include cached input in the input', async () => {
    stream(
      {
        type: 'message_start',
        message: {
          usage: {
            input_tokens: 10,
            cache_read_input_tokens: 40,
            cache_creation_input_tokens: 5,
            cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 2 },
            output_tokens: 1,
          },
        },
      },
      { type: 'content_block_delta', delta: { type: 'text_delta', text: 'whole' } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } },
    )
    expect((await generate(anthropic())).usage).toEqual({
      inputTokens: 55,
      outputTokens: 3,
      cachedTokens: 40,
      reasoningTokens: null,
      cacheWriteTokens: 3,
      hourCacheWriteTokens: 2,
    })
  })

  it('an answer is read up to the size limit, and the call is not repeated', async () => {
    let sent = 0
    server.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const piece = sse(delta('a'.repeat(1_000_000)))
      const more = () => {
        while (!response.destroyed && sent < 200) {
          sent += 1
          if (!response.write(piece)) return void response.once('drain', more)
        }
      }
      more()
    }
    await expect(generate(openai())).rejects.toMatchObject({ code: 'result_too_large', retry: 'never' })
    expect(sent).toBeLessThan(60)
    expect(server.calls).toHaveLength(1)
  })

  it('a single event that never ends is also read only up to a limit', async () => {
    server.answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const more = () => {
        while (!response.destroyed)
          if (!response.write('a'.repeat(1_000_000))) return void response.once('drain', more)
      }
      more()
    }
    await expect(generate(openai())).rejects.toMatchObject({ code: 'result_too_large', retry: 'never' })
  })
})

describe('a failed call', () => {
  it.each<[number, object | string, Record<string, string>, object]>([
    [
      429,
      {
        error: {
          code: 'insufficient_quota',
          type: 'insufficient_quota',
          message: 'You exceeded your current quota',
        },
      },
      {},
      { code: 'provider_quota_exhausted', retry: 'never' },
    ],
    [402, { error_msg: 'Insufficient Balance' }, {}, { code: 'provider_quota_exhausted', retry: 'never' }],
    [
      400,
      { error: { code: 'context_length_exceeded', message: 'too long' } },
      {},
      { code: 'context_too_long', retry: 'never' },
    ],
    [
      500,
      { error: "This model's maximum context length is 4096 tokens" },
      {},
      { code: 'context_too_long', retry: 'never' },
    ],
    [
      429,
      {
        error: {
          code: 'rate_limit_exceeded',
          message: 'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000.',
        },
      },
      {},
      { code: 'context_too_long', retry: 'never' },
    ],
    [
      400,
      {
        error: { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' }, message: 'x' },
      },
      {},
      { code: 'content_refused', retry: 'never' },
    ],
    [
      403,
      { error: { code: 403, message: 'Your input was flagged', metadata: { reasons: ['violence'] } } },
      {},
      { code: 'content_refused', retry: 'never' },
    ],
    [
      400,
      [
        {
          error: {
            code: 400,
            status: 'INVALID_ARGUMENT',
            message: 'API key not valid. Please pass a valid API key.',
          },
        },
      ],
      {},
      { code: 'provider_unauthorized', retry: 'never' },
    ],
    [
      404,
      { error: 'model "llama9" not found, try pulling it first' },
      {},
      { code: 'model_not_found', retry: 'never' },
    ],
    [
      400,
      { error: { message: 'ThrottlingException: Too many requests, please wait' } },
      {},
      { code: 'provider_rate_limited', retry: 'counted' },
    ],
    [498, { error: { message: 'flex' } }, {}, { code: 'provider_rate_limited', retry: 'counted' }],
    [424, { error: 'x', error_type: 'generation' }, {}, { code: 'provider_unavailable', retry: 'counted' }],
    [425, '', {}, { code: 'provider_unavailable', retry: 'counted' }],
    [501, '', {}, { code: 'provider_rejected', retry: 'never' }],
    [503, '<html><body>Bad gateway</body></html>', {}, { code: 'provider_unavailable', retry: 'counted' }],
    [500, {}, { 'x-should-retry': 'false' }, { code: 'provider_unavailable', retry: 'never' }],
    [400, {}, { 'x-should-retry': 'true' }, { code: 'provider_rejected', retry: 'counted' }],
    [429, {}, { 'retry-after-ms': '1500', 'retry-after': '9' }, { retryAfterMs: 1_500 }],
    [429, {}, { 'retry-after': '99999999999999999999' }, { retryAfterMs: 3_600_000 }],
    [429, {}, { 'retry-after': 'Fri, 01 Jan 2083 00:00:00 GMT' }, { retryAfterMs: 3_600_000 }],
    [429, {}, { 'retry-after': '-5' }, { retryAfterMs: undefined }],
    [
      429,
      {},
      {
        'x-ratelimit-remaining-requests': '7',
        'x-ratelimit-reset-requests': '1h',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '1m30.5s',
      },
      { retryAfterMs: 90_500 },
    ],
    [
      429,
      {},
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW + 7_000) },
      { retryAfterMs: 7_000 },
    ],
    [
      429,
      {
        error: {
          status: 'RESOURCE_EXHAUSTED',
          message: 'You exceeded your current quota',
          details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' }],
        },
      },
      {},
      { code: 'provider_rate_limited', retry: 'counted', retryAfterMs: 34_000 },
    ],
    [
      429,
      {
        error: {
          message:
            'Rate limit reached for gpt-4 on tokens per min. Please try again in 6.5s. Add a payment method at https://platform.openai.com/account/billing.',
        },
      },
      {},
      { code: 'provider_rate_limited', retryAfterMs: 6_500 },
    ],
  ])('%s %j is classified by all its fields', async (status, body, headers, expected) => {
    failing(status, body, headers)
    const failure = await generate(openai()).catch((error) => error)
    expect(failure).toMatchObject(expected)
    expect(server.calls).toHaveLength(1)
  })

  it.each([
    [408, 'invalid_request_error', 'provider_timeout'],
    [429, 'invalid_request_error', 'provider_rate_limited'],
    [503, 'bad_request', 'provider_unavailable'],
    [500, 'validation_error', 'provider_unavailable'],
    [409, 'invalid_argument', 'provider_unavailable'],
  ])('the status %s has priority over the type %s', async (status, type, code) => {
    failing(status, { error: { type, message: 'x', code: String(status) } })
    await expect(generate(openai())).rejects.toMatchObject({ code, retry: 'counted' })
    await expect(generate(anthropic())).rejects.toMatchObject({ code, retry: 'counted' })
  })

  it.each([
    [{ type: 'overloaded_error' }, { code: 'provider_unavailable', retry: 'counted' }],
    [
      { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' },
      { code: 'context_too_long', retry: 'never' },
    ],
    [
      {
        type: 'invalid_request_error',
        message: 'Your credit balance is too low to access the Anthropic API.',
      },
      { code: 'provider_quota_exhausted', retry: 'never' },
    ],
    [
      { type: 'rate_limit_error', message: 'x' },
      { code: 'provider_rate_limited', retry: 'counted' },
    ],
  ])('Anthropic’s %j is classified alike inside a stream and before it', async (error, expected) => {
    failing(400, { type: 'error', error })
    await expect(generate(anthropic())).rejects.toMatchObject(expected)
    stream({ type: 'message_start', message: { usage: { input_tokens: 9 } } }, { type: 'error', error })
    await expect(generate(anthropic())).rejects.toMatchObject({ ...expected, usage: { inputTokens: 9 } })
  })

  it('Anthropic’s reset headers set when to retry', async () => {
    failing(
      429,
      { type: 'error', error: { type: 'rate_limit_error', message: 'x' } },
      {
        'anthropic-ratelimit-tokens-remaining': '0',
        'anthropic-ratelimit-tokens-reset': '2026-11-25T12:00:42Z',
      },
    )
    await expect(generate(anthropic())).rejects.toMatchObject({ retryAfterMs: 42_000 })
  })

  it.each<[unknown, object]>([
    [
      { error: { code: 'context_length_exceeded', message: 'x' } },
      { code: 'context_too_long', retry: 'never' },
    ],
    [{ error: { message: 'Incorrect API key provided' } }, { code: 'provider_unauthorized', retry: 'never' }],
    [
      { error: { code: 402, message: 'This request requires more credits' } },
      { code: 'provider_quota_exhausted', retry: 'never' },
    ],
    [{ error: { code: 429, message: 'x' } }, { code: 'provider_rate_limited', retry: 'counted' }],
    [
      { error: { message: 'The response was filtered by moderation' } },
      { code: 'content_refused', retry: 'never' },
    ],
    [
      { choices: [{ delta: {}, error: { code: 502, message: 'upstream' }, finish_reason: 'error' }] },
      { code: 'provider_unavailable', retry: 'counted' },
    ],
    [{ error: 'something' }, { code: 'provider_bad_answer', retry: 'counted' }],
  ])('an error inside a stream, %j, is classified like one before it', async (event, expected) => {
    stream(delta('half a'), event)
    await expect(generate(openai())).rejects.toMatchObject(expected)
  })

  it.each([301, 302, 303, 307, 308])(
    '%s does not send the prompt to another address, and the error names that address',
    async (status) => {
      server.answer = (response) => {
        response.writeHead(status, {
          location: `${server.url.replace('//', '//user:secret@')}/other?key=secret`,
        })
        response.end()
      }
      const failure = await generate(openai()).catch((error) => error)
      expect(failure).toMatchObject({ code: 'provider_rejected', retry: 'never' })
      expect(failure.message).toContain(`${server.url}/other`)
      expect(failure.message).not.toContain('secret')
      expect(server.calls).toHaveLength(1)
    },
  )

  it('no error text contains the configured key or password, in any form; the words around it stay', async () => {
    const url = `${server.url.replace('//', '//me:pass%40word@')}/v1`
    const provider = createOpenaiProvider({ name: 'openai', key: KEY, baseUrl: url }, () => NOW)
    failing(401, {
      error: { message: `Incorrect API key provided: ${KEY}, or pass@word. You can find yours online.` },
    })
    const failure = await generate(provider).catch((error) => error)
    expect(failure.message).toBe(
      'openai answered 401: Incorrect API key provided: …, or …. You can find yours online.',
    )
  })

  it.each([
    ['http://127.0.0.1:1/v1', 'connection refused'],
    ['http://no-such-host.invalid/v1', 'host'],
  ])('no connection to %s: says why', async (baseUrl, why) => {
    const provider = createOpenaiProvider({ name: 'openai', key: KEY, baseUrl }, () => NOW)
    const failure = await generate(provider).catch((error) => error)
    expect(failure).toMatchObject({ code: 'provider_unreachable', retry: 'counted' })
    expect(failure.message).toContain(why)
  })
})

describe('what a server does not support', () => {
  const wants = (isRight: (body: Record<string, unknown>) => boolean, message: string) => {
    server.answer = (response, { body }) => {
      if (isRight(body))
        return void response.end(
          body.stream
            ? sse(delta('whole'), end('stop'))
            : JSON.stringify({ choices: [{ message: { content: 'whole' }, finish_reason: 'stop' }] }),
        )
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: { type: 'invalid_request_error', message } }))
    }
  }
  const MORE = {
    system: 'be brief',
    temperature: 0.5,
    maxTokens: 9,
    json: { name: 'x', schema: { type: 'object' } },
  }

  it.each<[string, (body: Record<string, unknown>) => boolean, string]>([
    ['no stream_options', (body) => !body.stream_options, 'stream_options: Extra inputs are not permitted'],
    [
      'max_completion_tokens',
      (body) => 'max_completion_tokens' in body,
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ],
    [
      'no temperature',
      (body) => !('temperature' in body),
      "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.",
    ],
    [
      'no system role',
      (body) => (body.messages as { role: string }[])[0]?.role === 'user',
      'System role not supported',
    ],
    [
      'no schema',
      (body) => !('response_format' in body),
      "'response_format' of type 'json_schema' is not supported with this model",
    ],
    ['no streaming', (body) => !body.stream, 'Streaming is not supported by this model.'],
    [
      'no streaming to an organization that is not verified',
      (body) => !body.stream,
      'Your organization must be verified to stream this model. Please go to the settings.',
    ],
  ])('%s is detected by one extra call, and remembered', async (_, isRight, message) => {
    wants(isRight, message)
    const provider = openai()
    const model = `dialect-${++models}`
    expect(await generate(provider, { model, ...MORE })).toMatchObject({ text: 'whole' })
    expect(server.calls).toHaveLength(2)
    expect(await generate(openai(), { model, ...MORE })).toMatchObject({ text: 'whole' })
    expect(server.calls).toHaveLength(3)
  })

  it('two fields at once take another attempt, never a third call', async () => {
    wants((body) => !body.stream_options && !body.temperature, 'stream_options is not supported')
    const model = `dialect-${++models}`
    server.answer = ((first) => (response, call, count) => {
      if (!call.body.stream_options && call.body.temperature) {
        response.writeHead(400)
        return void response.end(JSON.stringify({ error: { message: 'temperature is not supported' } }))
      }
      first(response, call, count)
    })(server.answer)
    await expect(generate(openai(), { model, ...MORE })).rejects.toMatchObject({ retry: 'counted' })
    expect(server.calls).toHaveLength(2)
    expect(await generate(openai(), { model, ...MORE })).toMatchObject({ text: 'whole' })
    expect(server.calls).toHaveLength(3)
  })

  it('is not concluded from a refused value', async () => {
    failing(400, { error: { message: 'max_tokens must be less than 4096' } })
    await expect(generate(openai(), MORE)).rejects.toMatchObject({
      code: 'provider_rejected',
      retry: 'never',
    })
    expect(server.calls).toHaveLength(1)
  })

  it('images, stop texts and schemas are sent in the form of the protocol', async () => {
    const messages = [
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: 'see' },
          { type: 'image' as const, mediaType: 'image/png' as const, base64: 'AAAA' },
        ],
      },
    ]
    stream(delta('whole'), end('stop'))
    await generate(openai(), { messages, stop: ['X'], json: MORE.json })
    expect(server.calls[0]?.body).toMatchObject({
      stop: ['X'],
      messages: [
        {
          content: [
            { type: 'text' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          ],
        },
      ],
      response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true } },
    })
    stream(
      { type: 'content_block_delta', delta: { type: 'text_delta', text: 'whole' } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
    )
    await generate(anthropic(), { messages, stop: ['X'], json: MORE.json })
    expect(server.calls[1]).toMatchObject({
      path: '/v1/messages',
      headers: { 'x-api-key': KEY },
      body: {
        stop_sequences: ['X'],
        messages: [{ content: [{ type: 'text' }, { source: { type: 'base64', media_type: 'image/png' } }] }],
        output_config: { format: { type: 'json_schema' } },
      },
    })
  })
})
