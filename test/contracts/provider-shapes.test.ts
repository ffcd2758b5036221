/**
 * Answers of real servers, word for word as far as public reports and documentation show them, each run as a task to its
 * end. No task makes more calls than its attempts, and none that can never succeed makes more than one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOpenaiProvider } from '../../functions/core/adapters/providers/openai/openai-provider.ts'
import {
  answer,
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

const SHAPES: readonly Shape[] = [
  // vLLM
  failed(
    'vLLM',
    400,
    {
      object: 'error',
      message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    },
    'context_too_long',
    1,
  ),
  failed(
    'vLLM',
    400,
    error('The decoder prompt (length 9000) is longer than the maximum model length of 8192.', {
      type: 'BadRequestError',
      code: 400,
    }),
    'context_too_long',
    1,
  ),
  failed(
    'vLLM',
    404,
    error('The model `foo` does not exist.', { type: 'NotFoundError', code: 404 }),
    'model_not_found',
    1,
  ),
  failed('vLLM', 401, { error: 'Unauthorized' }, 'provider_unauthorized', 1),
  failed(
    'vLLM',
    500,
    error('EngineCore encountered an issue. See stack trace for the root cause.', {
      type: 'InternalServerError',
      code: 500,
    }),
    'provider_unavailable',
    4,
  ),
  said(
    'vLLM in a stream',
    [
      text('half'),
      {
        object: 'error',
        message: "This model's maximum context length is 4096 tokens.",
        type: 'BadRequestError',
        code: 400,
      },
      '[DONE]',
    ],
    'context_too_long',
    1,
  ),
  said(
    'SGLang in a stream',
    [
      {
        error: {
          object: 'error',
          message: "Requested token count exceeds the model's maximum context length of 8192 tokens.",
          type: 'BadRequestError',
          code: 400,
        },
      },
    ],
    'context_too_long',
    1,
  ),
  // Ollama
  failed(
    'Ollama',
    404,
    error('model "llama9" not found, try pulling it first', { type: 'api_error', param: null, code: null }),
    'model_not_found',
    1,
  ),
  failed(
    'Ollama',
    500,
    error('llama runner process has terminated: exit status 2', { type: 'api_error' }),
    'provider_unavailable',
    4,
  ),
  failed(
    'Ollama',
    503,
    error('server busy, please try again.  maximum pending requests exceeded', { type: 'api_error' }),
    'provider_unavailable',
    4,
  ),
  failed(
    'Ollama',
    400,
    error('"nomic-embed-text" does not support chat', { type: 'invalid_request_error' }),
    'provider_rejected',
    1,
  ),
  said(
    'Ollama in a stream',
    [
      text('half'),
      error('an error was encountered while running the model: unexpected EOF', { type: 'api_error' }),
    ],
    'provider_unavailable',
    4,
  ),
  // LM Studio, llama.cpp, TGI
  failed(
    'LM Studio',
    404,
    error('No models loaded. Please load a model in the developer page or use the `lms load` command.', {
      type: 'invalid_request_error',
      code: 'model_not_found',
    }),
    'model_not_found',
    1,
  ),
  failed(
    'LM Studio',
    400,
    {
      error:
        'Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
    },
    'context_too_long',
    1,
  ),
  failed(
    'LM Studio',
    400,
    { error: 'The model has crashed without additional information. (Exit code: 6)' },
    'provider_unavailable',
    4,
  ),
  failed(
    'llama.cpp',
    503,
    error('Loading model', { code: 503, type: 'unavailable_error' }),
    'provider_unavailable',
    4,
  ),
  failed(
    'llama.cpp',
    400,
    error('the request exceeds the available context size, try increasing it', {
      code: 400,
      type: 'exceed_context_size_error',
      n_ctx: 4096,
    }),
    'context_too_long',
    1,
  ),
  said(
    'TGI in a stream',
    [{ error: 'Input validation error: `temperature` must be strictly positive', error_type: 'validation' }],
    'provider_rejected',
    1,
  ),
  said(
    'TGI in a stream',
    [{ error: 'Model is overloaded', error_type: 'overloaded' }],
    'provider_unavailable',
    4,
  ),
  failed(
    'TGI',
    422,
    {
      error:
        'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 500 `max_new_tokens`',
      error_type: 'validation',
    },
    'context_too_long',
    1,
  ),
  // OpenRouter
  failed(
    'OpenRouter',
    402,
    error(
      'This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 15846.',
      { code: 402 },
    ),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'OpenRouter',
    403,
    error('Your chosen model requires moderation and your input was flagged', {
      code: 403,
      metadata: { reasons: ['violence'] },
    }),
    'content_refused',
    1,
  ),
  failed('OpenRouter', 400, error('foo/bar is not a valid model ID', { code: 400 }), 'model_not_found', 1),
  failed(
    'OpenRouter',
    502,
    error('Provider returned error', { code: 502, metadata: { raw: 'upstream', provider_name: 'X' } }),
    'provider_unavailable',
    4,
  ),
  said(
    'OpenRouter in a stream',
    [
      text('half'),
      {
        error: { code: 'server_error', message: 'Provider disconnected unexpectedly' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      },
    ],
    'provider_unavailable',
    4,
  ),
  // DeepSeek, Groq, xAI
  failed(
    'DeepSeek',
    402,
    error('Insufficient Balance', { type: 'unknown_error', code: 'invalid_request_error' }),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'DeepSeek',
    401,
    error('Authentication Fails, Your api key: ****abcd is invalid', {
      type: 'authentication_error',
      code: 'invalid_request_error',
    }),
    'provider_unauthorized',
    1,
  ),
  failed(
    'DeepSeek',
    503,
    error(
      'Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.',
      { type: 'service_unavailable_error' },
    ),
    'provider_unavailable',
    4,
  ),
  failed(
    'Groq',
    413,
    error(
      'Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.',
      { type: 'tokens', code: 'rate_limit_exceeded' },
    ),
    'context_too_long',
    1,
  ),
  failed(
    'Groq',
    400,
    error("Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.", {
      type: 'invalid_request_error',
      code: 'json_validate_failed',
    }),
    'provider_bad_answer',
    4,
  ),
  failed(
    'Groq',
    400,
    error('The model `x` has been decommissioned and is no longer supported.', {
      type: 'invalid_request_error',
      code: 'model_decommissioned',
    }),
    'model_not_found',
    1,
  ),
  failed(
    'Groq',
    400,
    error('Organization has been restricted. Please reach out to support if you believe this was in error.', {
      type: 'invalid_request_error',
      code: 'organization_restricted',
    }),
    'provider_unauthorized',
    1,
  ),
  failed(
    'xAI',
    400,
    { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: xai-…' },
    'provider_unauthorized',
    1,
  ),
  failed(
    'xAI',
    429,
    {
      code: 'Some resource has been exhausted',
      error: 'Your team has either used all available credits or reached its monthly spending limit.',
    },
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'xAI',
    403,
    {
      code: 'The caller does not have permission',
      error: "Your newly created team doesn't have any credits yet.",
    },
    'provider_quota_exhausted',
    1,
  ),
  // OpenAI, Azure
  failed(
    'OpenAI',
    429,
    error('You exceeded your current quota, please check your plan and billing details.', {
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    }),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'OpenAI',
    429,
    error(
      'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000. The input or output tokens must be reduced in order to run successfully.',
      { type: 'tokens', code: 'rate_limit_exceeded' },
    ),
    'context_too_long',
    1,
  ),
  failed(
    'OpenAI',
    403,
    error('Country, region, or territory not supported', {
      type: 'request_forbidden',
      code: 'unsupported_country_region_territory',
    }),
    'provider_unauthorized',
    1,
  ),
  failed(
    'OpenAI',
    400,
    error("Invalid schema for response_format 'x': schema must be a JSON Schema of 'type: \"object\"'.", {
      type: 'invalid_request_error',
    }),
    'provider_rejected',
    1,
  ),
  failed(
    'OpenAI',
    500,
    error('The server had an error while processing your request. Sorry about that!', {
      type: 'server_error',
    }),
    'provider_unavailable',
    4,
  ),
  failed(
    'Azure',
    401,
    error('Access denied due to invalid subscription key or wrong API endpoint.', { code: '401' }),
    'provider_unauthorized',
    1,
  ),
  failed(
    'Azure',
    404,
    error('The API deployment for this resource does not exist.', { code: 'DeploymentNotFound' }),
    'model_not_found',
    1,
  ),
  failed(
    'Azure',
    400,
    error(
      "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
      { code: 'content_filter', status: 400, innererror: { code: 'ResponsibleAIPolicyViolation' } },
    ),
    'content_refused',
    1,
  ),
  failed(
    'Azure',
    403,
    { statusCode: 403, message: 'Out of call volume quota. Quota will be replenished in 12.03:22:01.' },
    'provider_quota_exhausted',
    1,
  ),
  said(
    'Azure',
    [
      { choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
      text('half'),
      { choices: [{ index: 0, delta: {}, finish_reason: 'content_filter', content_filter_results: {} }] },
      '[DONE]',
    ],
    'content_refused',
    1,
  ),
  failed(
    'GitHub',
    413,
    error('Request body too large for gpt-4o model. Max size: 8000 tokens.', {
      code: 'tokens_limit_reached',
    }),
    'context_too_long',
    1,
  ),
  // Gemini
  failed(
    'Gemini',
    400,
    [
      error('API key not valid. Please pass a valid API key.', {
        code: 400,
        status: 'INVALID_ARGUMENT',
        details: [{ reason: 'API_KEY_INVALID' }],
      }),
    ],
    'provider_unauthorized',
    1,
  ),
  failed(
    'Gemini',
    404,
    [
      error('models/gemini-9 is not found for API version v1main, or is not supported for generateContent.', {
        code: 404,
        status: 'NOT_FOUND',
      }),
    ],
    'model_not_found',
    1,
  ),
  failed(
    'Gemini',
    400,
    [
      error('The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).', {
        code: 400,
        status: 'INVALID_ARGUMENT',
      }),
    ],
    'context_too_long',
    1,
  ),
  failed(
    'Gemini',
    400,
    [error('User location is not supported for the API use.', { code: 400, status: 'FAILED_PRECONDITION' })],
    'provider_rejected',
    1,
  ),
  failed(
    'Gemini',
    503,
    [error('The model is overloaded. Please try again later.', { code: 503, status: 'UNAVAILABLE' })],
    'provider_unavailable',
    4,
  ),
  failed(
    'Gemini',
    504,
    [error('Deadline expired before operation could complete.', { code: 504, status: 'DEADLINE_EXCEEDED' })],
    'provider_timeout',
    4,
  ),
  said(
    'Gemini',
    [
      {
        choices: [
          { index: 0, delta: { role: 'assistant' }, finish_reason: 'content_filter: PROHIBITED_CONTENT' },
        ],
      },
    ],
    'content_refused',
    1,
  ),
  // Others that speak like OpenAI
  failed(
    'Moonshot',
    429,
    error('Your account is suspended, please check your plan and billing details', {
      type: 'exceeded_current_quota_error',
    }),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'Zhipu',
    429,
    error('余额不足或无可用资源包,请充值。', { code: '1113' }),
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'Zhipu',
    400,
    error('系统检测到输入或生成内容可能包含不安全或敏感内容', { code: '1301' }),
    'content_refused',
    1,
  ),
  failed(
    'DashScope',
    400,
    { code: 'Arrearage', message: 'Access denied, please make sure your account is in good standing.' },
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'DashScope',
    400,
    { code: 'DataInspectionFailed', message: 'Input data may contain inappropriate content.' },
    'content_refused',
    1,
  ),
  said(
    'MiniMax',
    [{ choices: null, base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }],
    'provider_quota_exhausted',
    1,
  ),
  said(
    'MiniMax',
    [
      {
        choices: null,
        base_resp: { status_code: 1004, status_msg: 'login fail: Please carry the API secret key' },
      },
    ],
    'provider_unauthorized',
    1,
  ),
  said(
    'MiniMax',
    [{ base_resp: { status_code: 1026, status_msg: 'input new_sensitive' } }],
    'content_refused',
    1,
  ),
  said(
    'MiniMax',
    [{ ...text('good', 'stop'), base_resp: { status_code: 0, status_msg: '' } }],
    'text: good',
    1,
  ),
  failed(
    'Fireworks',
    412,
    error('Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay', {
      type: 'invalid_request_error',
    }),
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
    'Mistral',
    400,
    {
      object: 'error',
      message:
        'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      type: 'invalid_request_prompt',
      code: '3051',
    },
    'context_too_long',
    1,
  ),
  failed(
    'watsonx',
    403,
    { errors: [{ code: 'token_quota_reached', message: 'insufficient quota of tokens' }], status_code: 403 },
    'provider_quota_exhausted',
    1,
  ),
  failed(
    'Databricks',
    403,
    { error_code: 'PERMISSION_DENIED', message: 'User does not own it' },
    'provider_unauthorized',
    1,
  ),
  // In between
  failed('Cloudflare', 524, '<html><title>A timeout occurred</title></html>', 'provider_unavailable', 4),
  failed('nginx', 413, '<html><h1>413 Request Entity Too Large</h1></html>', 'provider_rejected', 1),
  failed('a load balancer', 503, '', 'provider_unavailable', 4),
  failed('a portal', 200, '<!DOCTYPE html><html><body>Sign in</body></html>', 'provider_rejected', 1),
  failed('a teapot', 418, {}, 'provider_rejected', 1),
  // Text in unusual pieces
  said(
    'empty tool calls with text',
    [
      { choices: [{ index: 0, delta: { content: 'good', tool_calls: [] }, finish_reason: null }] },
      text('', 'stop'),
    ],
    'text: good',
    1,
  ),
  said(
    'an empty refusal',
    [{ choices: [{ delta: { content: 'good', refusal: '' }, finish_reason: 'stop' }] }],
    'text: good',
    1,
  ),
  said('an error that is null', [{ ...text('good', 'stop'), error: null }], 'text: good', 1),
  said(
    'a second choice',
    [
      {
        choices: [
          { index: 1, delta: { content: 'bad' } },
          { index: 0, delta: { content: 'good' }, finish_reason: 'stop' },
        ],
      },
    ],
    'text: good',
    1,
  ),
  said(
    'reasoning as parts',
    [
      {
        choices: [
          {
            delta: {
              content: [
                { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
                { type: 'text', text: 'good' },
              ],
            },
            finish_reason: 'stop',
          },
        ],
      },
    ],
    'text: good',
    1,
  ),
  said(
    'only reasoning until the limit',
    [{ choices: [{ delta: { reasoning: 'hm' }, finish_reason: 'length' }] }],
    'answer_truncated',
    1,
  ),
  said('an end in an unknown language', [text('half', 'LANGUAGE_X')], 'provider_bad_answer', 4),
  // Anthropic
  claude(
    failed(
      'Anthropic',
      400,
      {
        type: 'error',
        ...error('prompt is too long: 210000 tokens > 200000 maximum', { type: 'invalid_request_error' }),
      },
      'context_too_long',
      1,
    ),
  ),
  claude(
    failed(
      'Anthropic',
      400,
      {
        type: 'error',
        ...error('Your credit balance is too low to access the Anthropic API.', {
          type: 'invalid_request_error',
        }),
      },
      'provider_quota_exhausted',
      1,
    ),
  ),
  claude(
    failed(
      'Anthropic',
      400,
      {
        type: 'error',
        ...error('Output blocked by content filtering policy', { type: 'invalid_request_error' }),
      },
      'content_refused',
      1,
    ),
  ),
  claude(
    failed(
      'Anthropic',
      400,
      {
        type: 'error',
        ...error('input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000', {
          type: 'invalid_request_error',
        }),
      },
      'context_too_long',
      1,
    ),
  ),
  claude(
    failed(
      'Anthropic',
      404,
      { type: 'error', ...error('model: claude-x', { type: 'not_found_error' }) },
      'model_not_found',
      1,
    ),
  ),
  claude(
    failed(
      'Anthropic',
      529,
      { type: 'error', ...error('Overloaded', { type: 'overloaded_error' }) },
      'provider_unavailable',
      4,
    ),
  ),
  claude(
    failed(
      'Anthropic',
      429,
      {
        type: 'error',
        ...error('Number of request tokens has exceeded your per-minute rate limit', {
          type: 'rate_limit_error',
        }),
      },
      'provider_rate_limited',
      4,
    ),
  ),
  claude(
    failed(
      'Anthropic',
      400,
      {
        type: 'error',
        ...error('You have reached your specified API usage limits. You will regain access on 2027-01-01.', {
          type: 'invalid_request_error',
        }),
      },
      'provider_quota_exhausted',
      1,
    ),
  ),
  claude(
    said(
      'Anthropic in a stream',
      [
        { type: 'message_start', message: { usage: { input_tokens: 3 } } },
        { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      ],
      'provider_unavailable',
      4,
    ),
  ),
  claude(
    said(
      'Anthropic',
      [
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'half' } },
        { type: 'message_delta', delta: { stop_reason: 'refusal' } },
      ],
      'content_refused',
      1,
    ),
  ),
  claude(
    said(
      'Anthropic',
      [
        { type: 'content_block_start', content_block: { type: 'thinking' } },
        { type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'hm' } },
        { type: 'message_delta', delta: { stop_reason: 'max_tokens' } },
      ],
      'answer_truncated',
      1,
    ),
  ),
  claude(
    said(
      'Anthropic',
      [
        { type: 'ping' },
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'good' } },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
        { type: 'message_stop' },
      ],
      'text: good',
      1,
    ),
  ),
  claude(failed('a portal', 200, '\n<html></html>', 'provider_rejected', 1)),
]

describe('a task whose model server always answers as', () => {
  it.each(SHAPES.map((shape, index) => ({ ...shape, nth: index + 1 })))(
    '$of ($nth) is $is, in $calls calls',
    async (shape) => {
      const { task, is, calls } = await shapes.run(shape)
      expect({ is, calls }).toEqual({ is: shape.is, calls: shape.calls })
      expect(task?.attempt).toBe(shape.calls)
    },
  )
})

describe('the time of the next attempt, in the forms that servers use', () => {
  const AT = Date.parse('2026-11-25T12:00:00Z')
  it.each<[string, unknown, Record<string, string>, number | undefined]>([
    [
      'Groq in minutes and seconds',
      error('Rate limit reached. Please try again in 17m4.2s. Visit …'),
      {},
      1_024_200,
    ],
    ['OpenAI in milliseconds', error('Rate limit reached for gpt-4o. Please try again in 120ms.'), {}, 120],
    ['OpenAI in seconds', error('Please try again in 1.5s.'), {}, 1_500],
    [
      'Azure’s gateway',
      { statusCode: 429, message: 'Rate limit is exceeded. Try again in 7 seconds.' },
      {},
      7_000,
    ],
    [
      'GitHub',
      error('Rate limit of 10 per 60s exceeded. Please wait 23 seconds before retrying.'),
      {},
      23_000,
    ],
    [
      'OpenRouter in its body',
      error('Rate limit exceeded: free-models-per-day.', {
        code: 429,
        metadata: { headers: { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(AT + 90_000) } },
      }),
      {},
      90_000,
    ],
    [
      'Google with a limit per day, which overrides the seconds',
      [
        error('You exceeded your current quota.', {
          code: 429,
          status: 'RESOURCE_EXHAUSTED',
          details: [
            { violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }] },
            { retryDelay: '34s' },
          ],
        }),
      ],
      {},
      3_600_000,
    ],
    ['no server: a sentence with other numbers', error('Too many requests: 17 of 10.'), {}, undefined],
  ])('%s', async (_, body, headers, retryAfterMs) => {
    const { server } = shapes
    server.answer = (response) => answer(response, { status: 429, body, headers })
    const provider = createOpenaiProvider({ name: 'openai', key: 'a-key', baseUrl: server.url }, () => AT)
    const failure = await provider
      .generate(
        { model: freshModel(), messages: [{ role: 'user', content: 'hi' }] },
        { signal: new AbortController().signal },
      )
      .catch((thrown) => thrown)
    expect(failure).toMatchObject({ code: 'provider_rate_limited', retry: 'counted' })
    expect(failure.retryAfterMs).toBe(retryAfterMs)
  })
})
