/**
 * Answers of the kinds that servers give, in forms that no public report contains yet. Each is run as a task to its end: none
 * makes more calls than its attempts, and none that can never succeed makes more than one.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Dialect,
  firstDialect,
  learnDialect,
} from '../../functions/core/adapters/providers/openai/dialect.ts'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import { failedCall } from '../../functions/core/domain/provider-failure.ts'
import type { ModelRequest } from '../../functions/core/ports/model-provider.ts'
import { sse } from '../fixtures/raw-server.ts'
import {
  claude,
  error,
  failed,
  freshModel,
  openShapes,
  type Shape,
  said,
  text,
} from '../fixtures/server-answers.ts'

let shapes: Awaited<ReturnType<typeof openShapes>>
beforeAll(async () => {
  shapes = await openShapes()
})
afterAll(() => shapes.stop())

const delta = (fields: object, finish: unknown = null) => ({
  choices: [{ index: 0, delta: fields, finish_reason: finish }],
})
const end = (word: string, is: string, calls: 1 | 4): Shape =>
  said(`the end "${word}"`, [text('half', word), '[DONE]'], is, calls)

const SHAPES: readonly Shape[] = [
  // Ends.
  end('Stop', 'text: half', 1),
  end('END_TURN', 'text: half', 1),
  end('endTurn', 'text: half', 1),
  end('stop-sequence', 'text: half', 1),
  end('normal', 'text: half', 1),
  end('contentFilter', 'content_refused', 1),
  end('content-filter', 'content_refused', 1),
  end('ContentFiltered', 'content_refused', 1),
  end('GUARDRAIL_INTERVENED', 'content_refused', 1),
  end('Recitation', 'content_refused', 1),
  end('IMAGE_PROHIBITED_CONTENT', 'content_refused', 1),
  end('content_filter, reason: hate', 'content_refused', 1),
  end('ERROR', 'provider_bad_answer', 4),
  end('cancelled', 'provider_bad_answer', 4),
  end('timeout', 'provider_bad_answer', 4),
  end('time_limit', 'provider_bad_answer', 4),
  end('FINISH_REASON_UNSPECIFIED', 'provider_bad_answer', 4),
  end('other', 'provider_bad_answer', 4),
  end('unknown', 'provider_bad_answer', 4),
  end('null', 'provider_bad_answer', 4),
  end('__proto__', 'provider_bad_answer', 4),
  end('constructor', 'provider_bad_answer', 4),
  end('tool-calls', 'provider_bad_answer', 1),
  end('toolUse', 'provider_bad_answer', 1),
  said('an end that is a number', [text('half'), delta({}, 1)], 'provider_bad_answer', 4),
  said('an end that is a list', [text('half'), delta({}, ['stop'])], 'provider_bad_answer', 4),
  said(
    '"null" as a text as finish reason until the end',
    [text('wh', 'null'), text('ole', 'null'), text('', 'stop')],
    'text: whole',
    1,
  ),
  // Contents other than text.
  said(
    'a tool call that ends with stop',
    [delta({ tool_calls: [{ id: 'x' }] }), delta({}, 'stop')],
    'provider_bad_answer',
    1,
  ),
  said(
    'a function call without text',
    [delta({ content: '', function_call: { name: 'f' } }, 'stop')],
    'provider_bad_answer',
    1,
  ),
  said(
    'an empty list of tool calls with text',
    [delta({ content: 'whole', tool_calls: [] }, 'stop')],
    'text: whole',
    1,
  ),
  said('thoughts alone', [delta({ reasoning: 'hm' }), delta({}, 'stop')], 'provider_bad_answer', 4),
  said(
    'reasoning as parts',
    [
      delta(
        {
          content: [
            { type: 'reasoning', text: 'hm' },
            { type: 'text', text: 'whole' },
          ],
        },
        'stop',
      ),
    ],
    'text: whole',
    1,
  ),
  said(
    'parts of output_text',
    [delta({ content: [{ type: 'output_text', text: 'whole' }] }, 'stop')],
    'text: whole',
    1,
  ),
  said(
    'an image instead of text',
    [delta({ content: [{ type: 'image_url', image_url: {} }] }, 'stop')],
    'provider_bad_answer',
    4,
  ),
  said('text as an object', [delta({ content: { text: 'whole' } }, 'stop')], 'provider_bad_answer', 4),
  said('text as a number', [delta({ content: 7 }, 'stop')], 'provider_bad_answer', 4),
  said(
    'a refusal as a part',
    [delta({ content: [{ type: 'refusal', refusal: 'no' }] }, 'stop')],
    'content_refused',
    1,
  ),
  said('a refusal with half a text', [text('half'), delta({ refusal: 'no' }, 'stop')], 'content_refused', 1),
  failed(
    'a refusal in a complete answer',
    200,
    { choices: [{ message: { content: null, refusal: 'no' }, finish_reason: 'stop' }] },
    'content_refused',
    1,
  ),
  said(
    'a choice that is not the first',
    [{ choices: [{ index: 1, delta: { content: 'x' }, finish_reason: 'stop' }] }],
    'provider_bad_answer',
    4,
  ),
  said('choices that are an object', [{ choices: {} }], 'provider_bad_answer', 4),
  said('nothing but null', ['null', '[DONE]'], 'provider_bad_answer', 4),
  // Events after the end.
  said(
    'a broken piece after the end',
    [text('whole', 'stop'), '{"usage": {"prompt_tokens": ,}}', '[DONE]'],
    'text: whole',
    1,
  ),
  said(
    'choices in another form after the end',
    [text('whole', 'stop'), { choices: 'none' }, '[DONE]'],
    'text: whole',
    1,
  ),
  said(
    'an error after the end',
    [text('whole', 'stop'), { error: { message: 'boom', code: 503 } }, '[DONE]'],
    'text: whole',
    1,
  ),
  said(
    'an error after a false end',
    [text('half', 'time_limit'), { error: { message: 'boom', code: 503 } }],
    'provider_unavailable',
    4,
  ),
  said('rubbish behind [DONE]', [text('whole', 'stop'), '[DONE]', 'rubbish', '{'], 'text: whole', 1),
  said(
    'invalid numbers',
    [text('whole', 'stop'), '{"choices":[],"usage":{"prompt_tokens":NaN,"completion_tokens":-Infinity}}'],
    'text: whole',
    1,
  ),
  said(
    'NaN as a part of the text',
    ['{"choices":[{"delta":{"content":"NaN, \\"NaN\\""},"finish_reason":"stop","logprob":NaN}]}'],
    'text: NaN, "NaN"',
    1,
  ),
  // Errors in a stream.
  said(
    'an error whose value is true',
    [text('half'), { error: true, message: 'maximum context length is 4096' }],
    'context_too_long',
    1,
  ),
  said(
    'an error as a type',
    [text('half'), { type: 'error', message: 'Rate limit exceeded' }],
    'provider_rate_limited',
    4,
  ),
  said(
    'an error as a list, from Google',
    [[error('API key not valid. Please pass a valid API key.', { status: 'INVALID_ARGUMENT' })]],
    'provider_unauthorized',
    1,
  ),
  said(
    'Azure’s gateway',
    [{ statusCode: 429, message: 'Rate limit is exceeded. Try again in 5 seconds.' }],
    'provider_rate_limited',
    4,
  ),
  said(
    'Azure’s gateway',
    [{ statusCode: 401, message: 'Access denied due to invalid subscription key.' }],
    'provider_unauthorized',
    1,
  ),
  said(
    'Cloudflare',
    [{ success: false, errors: [{ code: 7000, message: 'No such model @cf/none' }], result: null }],
    'model_not_found',
    1,
  ),
  said(
    'a gateway of Bedrock',
    [{ __type: 'ThrottlingException', message: 'Slow', code: 'x' }],
    'provider_rate_limited',
    4,
  ),
  said(
    'xAI',
    [{ code: 'Some resource has been exhausted', error: 'Your team has used all available credits' }],
    'provider_quota_exhausted',
    1,
  ),
  said(
    'Zhipu',
    [error('您的账户已达到速率限制，请您控制请求频率', { code: '1302' })],
    'provider_rate_limited',
    4,
  ),
  said('Zhipu', [error('Prompt 超长', { code: '1261' })], 'context_too_long', 1),
  said(
    'new-api',
    [error('用户额度不足, 剩余额度: -0.1', { type: 'new_api_error', code: '' })],
    'provider_quota_exhausted',
    1,
  ),
  said(
    'an error as a text',
    [text('half'), { error: 'Insufficient credits' }],
    'provider_quota_exhausted',
    1,
  ),
  said('an error of which nothing is known', [text('half'), { error: {} }], 'provider_bad_answer', 4),
  // Errors with a status.
  failed(
    'Moonshot',
    400,
    error('Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)', {
      type: 'invalid_request_error',
    }),
    'context_too_long',
    1,
  ),
  failed(
    'DashScope',
    400,
    error('<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]', {
      code: 'invalid_parameter_error',
    }),
    'context_too_long',
    1,
  ),
  failed(
    'SambaNova',
    400,
    error(
      'Requested generation length 1 is not possible! The provided prompt is 4309 tokens long, but the maximum supported sequence length is just 4096!',
    ),
    'context_too_long',
    1,
  ),
  failed(
    'Cohere',
    400,
    { message: 'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.' },
    'context_too_long',
    1,
  ),
  failed(
    'Vertex',
    400,
    error(
      'Unable to submit request because the input token count is 40000 but the model only supports up to 32768.',
      { status: 'INVALID_ARGUMENT' },
    ),
    'context_too_long',
    1,
  ),
  failed(
    'Bedrock',
    400,
    { message: 'The maximum tokens you requested exceeds the model limit of 32768' },
    'context_too_long',
    1,
  ),
  failed(
    'Cerebras',
    400,
    error(
      'Please reduce the length of the messages or completion. Current length is 42328 while limit is 40000',
    ),
    'context_too_long',
    1,
  ),
  failed(
    'nginx',
    413,
    '<html><head><title>413 Request Entity Too Large</title></head></html>',
    'provider_rejected',
    1,
  ),
  failed('a Chinese gateway', 500, error('输入的上下文长度超过模型限制'), 'context_too_long', 1),
  failed(
    'xAI',
    403,
    {
      code: 'The caller does not have permission to execute the specified operation',
      error: 'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO',
    },
    'content_refused',
    1,
  ),
  failed(
    'StepFun',
    451,
    error('The content you provided or machine outputted is blocked.', { type: 'censorship_blocked' }),
    'content_refused',
    1,
  ),
  failed('a status 451 alone', 451, 'no', 'content_refused', 1),
  failed(
    'Novita',
    403,
    { code: 403, reason: 'NOT_ENOUGH_BALANCE', message: 'not enough balance', metadata: {} },
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'one-api',
    403,
    error('user quota is not enough (request id: 1)', { code: 'insufficient_user_quota' }),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'Hugging Face',
    402,
    { error: 'You have exceeded your monthly included credits for Inference Providers.' },
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'Fireworks',
    412,
    error(
      'Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.',
    ),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'SiliconFlow',
    403,
    { code: 30001, message: 'Sorry, your account balance is insufficient', data: null },
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'Gemini',
    402,
    error('Your prepayment credits are depleted.', { code: 'payment_required' }),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'new-api',
    503,
    error('当前分组 default 下对于模型 x 无可用渠道', { type: 'new_api_error' }),
    'model_not_found',
    1,
  ),
  failed('new-api', 429, error('当前分组上游负载已饱和，请稍后再试'), 'provider_unavailable', 4),
  failed(
    'a limit that never resets',
    429,
    error('Rate limit exceeded', { code: 'rate_limit_exceeded' }),
    'provider_rate_limited',
    1,
    { 'x-should-retry': 'false' },
  ),
  failed(
    'a bad request marked as retryable',
    400,
    error('Try me once more', { type: 'invalid_request_error' }),
    'provider_rejected',
    4,
    { 'x-should-retry': 'true' },
  ),
  failed(
    'a too long prompt marked as retryable',
    400,
    error('maximum context length is 4', { code: 'context_length_exceeded' }),
    'context_too_long',
    1,
    { 'x-should-retry': 'true' },
  ),
  failed(
    'AWS with an unexpected body',
    403,
    { Message: 'User: x is not authorized to perform: bedrock:InvokeModel' },
    'provider_unauthorized',
    1,
  ),
  failed(
    'Cloudflare',
    520,
    '<html><title>520: Web server is returning an unknown error</title></html>',
    'provider_unavailable',
    4,
  ),
  failed(
    'Cloudflare',
    403,
    '<!DOCTYPE html><title>Attention Required! | Cloudflare</title>',
    'provider_unauthorized',
    1,
  ),
  failed(
    'an HTML page with status 200',
    200,
    '\uFEFF<!DOCTYPE html><title>Sign in</title>',
    'provider_rejected',
    1,
  ),
  failed('nothing with status 200', 200, '', 'provider_bad_answer', 4),
  failed('nothing with status 204', 204, '', 'provider_bad_answer', 4),
  failed('a word with status 200', 200, 'OK', 'provider_bad_answer', 4),
  failed('null with status 200', 200, 'null', 'provider_bad_answer', 4),
  failed('an empty object with status 200', 200, {}, 'provider_bad_answer', 4),
  said('a list of errors', [{ errors: [{ message: 'Invalid API key' }] }], 'provider_unauthorized', 1),
  said('an error that is a list', [{ error: ['Model x not found'] }], 'model_not_found', 1),
  said(
    'an error without a message',
    [{ error: { message: null, code: 'insufficient_quota' } }],
    'provider_quota_exhausted',
    1,
  ),
  said('an end without a word', [text('half'), delta({}, ''), '[DONE]'], 'provider_bad_answer', 4),
  failed(
    'Text Generation Inference',
    422,
    { detail: 'Input validation error: `inputs` must have less than 4096 tokens. Given: 5000' },
    'context_too_long',
    1,
  ),
  failed(
    'Portkey',
    446,
    error('The guardrail checks failed', { type: 'hooks_failed' }),
    'content_refused',
    1,
  ),
  failed('LiteLLM', 400, error('Violated guardrail policy'), 'content_refused', 1),
  failed(
    'Apigee',
    429,
    {
      fault: {
        faultstring: 'Rate limit quota violation.',
        detail: { errorcode: 'policies.ratelimit.QuotaViolation' },
      },
    },
    'provider_rate_limited',
    4,
  ),
  // Anthropic’s protocol.
  claude(
    said(
      'a reasoning block that has text',
      [
        { type: 'content_block_start', content_block: { type: 'thinking', text: 'hm' } },
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'whole' } },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      ],
      'text: whole',
      1,
    ),
  ),
  claude(
    said(
      'an end in other capitalization',
      [
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'half' } },
        { type: 'message_delta', delta: { stop_reason: 'Refusal' } },
      ],
      'content_refused',
      1,
    ),
  ),
  claude(
    said(
      'an error without a type',
      [{ type: 'error', error: { message: 'prompt is too long: 9 tokens > 8 maximum' } }],
      'context_too_long',
      1,
    ),
  ),
  claude(
    said(
      'an error of a proxy',
      [{ error: { type: 'invalid_request_error', message: 'prompt is too long: 9 > 8' } }],
      'context_too_long',
      1,
    ),
  ),
  claude(
    said(
      'a call of a tool that ends like a text',
      [
        { type: 'content_block_start', content_block: { type: 'tool_use', name: 'f' } },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      ],
      'provider_bad_answer',
      1,
    ),
  ),
  claude(failed('an error with status 200', 200, { detail: 'Invalid API key' }, 'provider_unauthorized', 1)),
  claude(
    failed(
      'a text instead of an event',
      200,
      'event: error\ndata: Your credit balance is too low\n\n',
      'provider_quota_exhausted',
      1,
    ),
  ),
  claude(failed('a page', 200, '<html>', 'provider_rejected', 1)),
  claude(
    failed(
      'a complete answer',
      200,
      { type: 'message', content: [{ type: 'text', text: 'whole' }], stop_reason: 'end_turn', usage: null },
      'text: whole',
      1,
    ),
  ),
  claude(
    said(
      'a broken piece after the end',
      [
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'whole' } },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
        '{',
        { type: 'message_stop' },
      ],
      'text: whole',
      1,
    ),
  ),
]

describe('a task whose model server always answers with', () => {
  it.each(SHAPES.map((shape, index) => ({ ...shape, nth: index + 1 })))(
    '$nth: $of is $is after $calls',
    async (shape) => {
      const { is, calls, task } = await shapes.run(shape)
      expect([is, calls]).toEqual([shape.is, shape.calls])
      for (const number of [task?.usage?.inputTokens, task?.usage?.outputTokens, task?.usage?.costMicroUsd])
        expect(number ?? 0).toBeGreaterThanOrEqual(0)
    },
  )
})

/** One call, answered byte by byte. */
async function ask(answer: (response: ServerResponse) => void | Promise<void>) {
  shapes.server.answer = answer
  const provider = createOpenaiProvider({ name: 'openai', key: 'k', baseUrl: shapes.server.url }, Date.now)
  return provider
    .generate(
      { model: freshModel(), messages: [{ role: 'user', content: 'hi' }] },
      { signal: AbortSignal.timeout(20_000) },
    )
    .then(({ text: all, usage }) => ({ text: all, usage }))
}
const stream = (response: ServerResponse, headers = {}) =>
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
const WHOLE = sse(text('wh'), text('öle 😀', 'stop'), '[DONE]')

describe('an answer in very many pieces', () => {
  // Parsed again with each piece, they would block the environment's event loop, and so all its heartbeats, for hours.
  it('of comments is parsed once', async () => {
    const lines = `${': x\n'.repeat(200)}`
    const answer = ask(async (response) => {
      stream(response)
      for (let index = 0; index < 15_000; index += 1)
        if (!response.write(lines)) await once(response, 'drain')
      response.end(`\n${WHOLE}`)
    })
    expect((await answer).text).toBe('whöle 😀')
  })

  it('of braces is parsed a bounded number of times', async () => {
    const answer = ask(async (response) => {
      stream(response).write('[')
      for (let index = 0; index < 9_000; index += 1) {
        response.write(`${'{},'.repeat(30)}{}`)
        await new Promise((resolve) => setImmediate(resolve))
        response.write(',')
      }
      response.end('{}]')
    })
    await expect(answer).rejects.toMatchObject({ code: 'provider_bad_answer' })
  })
})

describe('an answer is read the same', () => {
  it.each<[string, (response: ServerResponse) => void | Promise<void>]>([
    ['in lines that end with CR', (response) => stream(response).end(WHOLE.replaceAll('\n', '\r'))],
    ['in lines that end with CRLF', (response) => stream(response).end(WHOLE.replaceAll('\n', '\r\n'))],
    ['in lines that end in two ways', (response) => stream(response).end(WHOLE.replaceAll('\n\n', '\n\r\n'))],
    ['after a byte order mark', (response) => stream(response).end(`\uFEFF${WHOLE}`)],
    [
      'byte by byte, in lines that end with CRLF',
      async (response) => {
        stream(response)
        for (const byte of Buffer.from(WHOLE.replaceAll('\n', '\r\n'))) {
          response.write(Buffer.from([byte]))
          await new Promise((resolve) => setImmediate(resolve))
        }
        response.end()
      },
    ],
    [
      'between comments, pings and empty data',
      (response) =>
        stream(response).end(
          `: hello\n\nretry: 100\n\nevent: ping\ndata: not JSON\n\ndata:\n\ndata: \n\nevent: keep-alive\ndata: {}\n\n${WHOLE.replace('\n\n', '\n\n: still here\n\n')}`,
        ),
    ],
    ['with gzip', (response) => stream(response, { 'content-encoding': 'gzip' }).end(gzipSync(WHOLE))],
    [
      'with brotli',
      (response) => stream(response, { 'content-encoding': 'BR' }).end(brotliCompressSync(WHOLE)),
    ],
    [
      'with zstd',
      (response) => stream(response, { 'content-encoding': 'zstd' }).end(zstdCompressSync(WHOLE)),
    ],
    [
      'after early hints',
      (response) => {
        response.writeContinue()
        response.writeEarlyHints({ link: '</x>; rel=preload' })
        stream(response).end(WHOLE)
      },
    ],
    [
      'from a server that drops the connection after the end',
      (response) => {
        stream(response).write(WHOLE.replace('data: [DONE]\n\n', ''))
        setTimeout(() => response.destroy(), 20)
      },
    ],
    [
      'as JSON with the content type of a page',
      (response) =>
        response
          .writeHead(200, { 'content-type': 'text/html' })
          .end(JSON.stringify({ choices: [{ message: { content: 'whöle 😀' }, finish_reason: 'stop' }] })),
    ],
  ])('%s', async (_, answer) => {
    expect((await ask(answer)).text).toBe('whöle 😀')
  })

  it('from a server that sends a finish reason with each piece and pauses for long', async () => {
    const { text: all } = await ask(async (response) => {
      stream(response).write(sse(text('wh', 'stop'), text('ö', 'stop')))
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      response.end(sse(text('le', 'stop'), '[DONE]'))
    })
    expect(all).toBe('whöle')
  })
})

describe('an error in a stream, in any form', () => {
  it.each<[string, string, string]>([
    [
      'a line with the name "error"',
      `data: ${JSON.stringify(text('half'))}\n\nerror: {"code":400,"message":"the request exceeds the available context size"}\n\n`,
      'context_too_long',
    ],
    [
      'an event with a text',
      'event: error\ndata: insufficient_quota: out of credits\n\n',
      'provider_quota_exhausted',
    ],
    [
      'JSON without a name',
      `data: ${JSON.stringify(text('half'))}\n\n{"error":{"message":"Invalid API key","code":401}}\n`,
      'provider_unauthorized',
    ],
    [
      'JSON without a name and without an end',
      `data: ${JSON.stringify(text('half'))}\n\n{"detail":"Rate limit exceeded","status_code":429}`,
      'provider_rate_limited',
    ],
  ])('%s', async (_, body, code) => {
    await expect(ask((response) => void stream(response).end(body))).rejects.toMatchObject({ code })
  })
})

describe('token counts', () => {
  it.each<[unknown, object]>([
    [
      { prompt_tokens: '12', completion_tokens: '3' },
      { inputTokens: null, outputTokens: null },
    ],
    [
      { prompt_tokens: -5, completion_tokens: 3 },
      { inputTokens: null, outputTokens: 3 },
    ],
    [
      { prompt_tokens: 1.5, completion_tokens: 1e300 },
      { inputTokens: null, outputTokens: null },
    ],
    [
      { prompt_tokens: 10, completion_tokens: 2, total_tokens: 999_999_999 },
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      { prompt_tokens: 10, completion_tokens: 2, total_tokens: 5 },
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      { prompt_tokens: 2 ** 53, completion_tokens: 2 },
      { inputTokens: null, outputTokens: 2 },
    ],
    [[1, 2], { inputTokens: null }],
    ['many', { inputTokens: null }],
    [null, { inputTokens: null }],
    [
      { prompt_tokens: null, input_tokens: 4, output_tokens: 5, prompt_tokens_details: 'x' },
      { inputTokens: 4, outputTokens: 5, cachedTokens: null },
    ],
  ])('%j are read or unknown, and the answer is used', async (usage, is) => {
    const answer = await ask(
      (response) => void stream(response).end(sse(text('whole', 'stop'), { choices: [], usage }, '[DONE]')),
    )
    expect(answer).toMatchObject({ text: 'whole', usage: is })
  })
})

describe('the time of the next attempt', () => {
  const now = Date.UTC(2026, 10, 26)
  it.each<[Record<string, string>, number | undefined]>([
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': '2.5' }, 2_500],
    [{ 'retry-after': '1e3' }, undefined],
    [{ 'retry-after': 'NaN' }, undefined],
    [{ 'retry-after': '120s' }, 120_000],
    [{ 'retry-after': new Date(now + 7_000).toUTCString() }, 7_000],
    [{ 'retry-after': new Date(now - 7_000).toUTCString() }, undefined],
    [{ 'retry-after': '99999999999' }, 3_600_000],
    [{ 'retry-after-ms': '1500', 'retry-after': '60' }, 1_500],
    [{ 'retry-after-ms': '-1', 'retry-after': '60' }, 60_000],
    [{ 'x-ms-retry-after-ms': '250' }, 250],
    [{ ratelimit: '"api";r=0;t=55' }, 55_000],
    [{ ratelimit: '"api";r=5;t=55' }, undefined],
    [{ ratelimit: 'limit=100, remaining=0, reset=54' }, 54_000],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, 30_000],
  ])('%j', (headers, wait) => {
    const failure = { provider: 'openai', status: 429, message: 'x', headers, now }
    expect(failedCall(failure).retryAfterMs).toBe(wait)
  })
})

describe('a field that the server does not support is detected in', () => {
  const asked: ModelRequest = {
    ...{ model: 'm', messages: [], system: 's', temperature: 0.5, maxTokens: 5, tier: 'flex' },
    json: { name: 'x', schema: {} },
  }
  it.each<[string, Partial<Dialect> | undefined]>([
    ["Additional properties are not allowed ('stream_options' was unexpected)", { hasStreamOptions: false }],
    ['This field stream_options is not recognised', { hasStreamOptions: false }],
    ['Invalid parameter: stream_options', { hasStreamOptions: false }],
    ["[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options')}]", { hasStreamOptions: false }],
    ['参数 stream_options 不支持', { hasStreamOptions: false }],
    ['max_tokens is not a valid parameter', { maxTokensName: 'max_completion_tokens' }],
    ['This model does not support temperature', { hasTemperature: false }],
    ['temperature must be 1 for this model', { hasTemperature: false }],
    ['temperature is fixed for reasoning models', { hasTemperature: false }],
    ['Only user and assistant roles are supported!', { hasSystem: false }],
    ['Developer instruction is not enabled for models/gemma-3', { hasSystem: false }],
    ["messages[0].role: 'system' is not one of ['user','assistant']", { hasSystem: false }],
    ['Invalid role: system', { hasSystem: false }],
    ["'response_format.type' must be 'json_object' or 'text'", { hasJsonSchema: false }],
    ['This response_format type is unavailable now', { hasJsonSchema: false }],
    ['Stream mode is disabled for this deployment', { streams: false }],
    ["Invalid value for 'service_tier'", { hasTiers: false }],
    ['The model does not have flex capacity', { hasTiers: false }],
    // Nothing is concluded from these.
    ['Invalid parameter: temperature must be between 0 and 2', undefined],
    ['max_tokens must be at least 1', undefined],
    ['Invalid argument: max_tokens is too large', undefined],
    ['Invalid system prompt', undefined],
    ['stream of consciousness', undefined],
  ])('%s', (message, learned) => {
    const found = learnDialect(firstDialect(false), asked, message)
    if (learned) expect(found).toMatchObject(learned)
    else expect(found).toBeUndefined()
  })
})

describe('a background call that is answered with', () => {
  it.each<[unknown, number, string, string?]>([
    [{ error: { message: 'x', code: 'insufficient_quota' } }, 200, 'provider_quota_exhausted'],
    [{ detail: 'Invalid API key' }, 200, 'provider_unauthorized'],
    [{ message: 'maximum context length is 4', code: 'x' }, 200, 'context_too_long'],
    ['<html>', 200, 'provider_rejected'],
    ['', 200, 'provider_bad_answer'],
    [
      { id: 'r', status: 'failed', error: { code: 'invalid_prompt', message: 'was flagged' } },
      200,
      'content_refused',
    ],
    [{ id: 'r', status: 'exploded' }, 200, 'provider_bad_answer'],
    [
      { id: 'r', status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
      200,
      'content_refused',
    ],
    [
      { id: 'r', status: 'completed', output: [{ type: 'function_call' }] },
      200,
      'provider_bad_answer',
      'never',
    ],
    [{ id: '..', status: 'queued' }, 200, 'provider_bad_answer'],
    [{ id: 'r\ud800', status: 'queued' }, 200, 'provider_bad_answer'],
    [{ error: { message: 'slow down' } }, 429, 'provider_rate_limited'],
  ])('%j, status %i, is %s after one call', async (body, status, code, retry = expect.any(String)) => {
    let calls = 0
    shapes.server.answer = (response) => {
      calls += 1
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const { background } = createOpenaiProvider(
      { name: 'openai', key: 'k', baseUrl: shapes.server.url, background: ['*'], pollMs: 10 },
      Date.now,
    )
    const request: ModelRequest = { model: freshModel(), messages: [{ role: 'user', content: 'hi' }] }
    const end = async () => {
      const started = await background?.start(request, { signal: AbortSignal.timeout(10_000) })
      const outcome = await started?.outcome()
      if (outcome?.kind === 'failed') throw outcome.error
      return outcome
    }
    await expect(end()).rejects.toMatchObject({ code, retry })
    expect(calls).toBe(1)
  })
})
