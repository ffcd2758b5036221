/** Answers that users of servers have reported, each with its report: each is run as a task to its end. */
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

const NO_CAPACITY = {
  code: 429,
  message: 'No capacity available for model gemini-3.1-flash-lite on the server',
  errors: [{ message: 'No capacity available for model', domain: 'global', reason: 'rateLimitExceeded' }],
  status: 'RESOURCE_EXHAUSTED',
  details: [{ reason: 'MODEL_CAPACITY_EXHAUSTED' }],
}

/** Report, and the answer in it. */
const REPORTS: readonly (readonly [string, Shape])[] = [
  // Ollama
  [
    'continuedev/continue#11444',
    failed(
      'Ollama Cloud',
      429,
      {
        error:
          'you (somebody) have reached your session usage limit, upgrade for higher limits: https://ollama.com/upgrade',
      },
      'provider_quota_exhausted',
      1,
    ),
  ],
  [
    'NousResearch/hermes-agent#68832',
    failed(
      'Ollama Cloud',
      429,
      { error: 'you (somebody) have reached your weekly usage limit, upgrade for higher limits' },
      'provider_quota_exhausted',
      1,
    ),
  ],
  ['diegosouzapw/OmniRoute#1370', failed('Ollama Cloud', 401, 'unauthorized\n', 'provider_unauthorized', 1)],
  [
    'continuedev/continue#10725',
    failed('Ollama', 400, { error: 'Invalid role: thinking' }, 'provider_rejected', 1),
  ],
  [
    'ollama/ollama#4357',
    said('Ollama', [text('who', ''), text('le', ''), text('', 'stop')], 'text: whole', 1),
  ],
  // vLLM and similar servers
  ['vllm-project/vllm#35705', said('vLLM', [text('half', 'length')], 'text: half', 1)],
  [
    'waybarrios/vllm-mlx#628',
    said('vllm-mlx, which never says that it ended', [text('whole'), '[DONE]'], 'provider_bad_answer', 4),
  ],
  [
    'tenstorrent/tt-inference-server#4982',
    failed('tt-inference-server', 500, { code: 500, message: 'error' }, 'provider_unavailable', 4),
  ],
  [
    'NVIDIA-NeMo/Export-Deploy#652',
    said(
      'NeMo',
      [{ choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }] }],
      'provider_bad_answer',
      4,
    ),
  ],
  [
    'langgenius/dify-official-plugins#599',
    said('Xinference', [{ error: 'An error occurred during streaming' }], 'provider_bad_answer', 4),
  ],
  // SGLang
  [
    'sgl-project/sglang#8096',
    failed(
      'SGLang',
      400,
      {
        object: 'error',
        message:
          'Input length (40966 tokens) exceeds the maximum allowed length (40959 tokens). Use a shorter input or enable --allow-auto-truncate.',
        type: 'BadRequestError',
        code: 400,
      },
      'context_too_long',
      1,
    ),
  ],
  [
    'sgl-project/sglang: set_finish_with_abort',
    said(
      'SGLang with an end that is an object',
      [
        text('half'),
        { choices: [{ index: 0, delta: {}, finish_reason: { type: 'abort', message: 'Aborted' } }] },
      ],
      'provider_bad_answer',
      4,
    ),
  ],
  // llama.cpp and LM Studio
  [
    'oobabooga/textgen#7257',
    said(
      'llama.cpp with status 200',
      [
        error(
          'the request exceeds the available context size. try increasing the context size or enable context shift',
          { code: 400, type: 'exceed_context_size_error', n_prompt_tokens: 14_429, n_ctx: 8_192 },
        ),
      ],
      'context_too_long',
      1,
    ),
  ],
  [
    'ggml-org/llama.cpp#26545',
    failed(
      'llama.cpp in the middle of an answer',
      500,
      error('Context size has been exceeded.', { code: 500, type: 'server_error' }),
      'context_too_long',
      1,
    ),
  ],
  [
    'ggml-org/llama.cpp#9544',
    failed(
      'llama.cpp',
      500,
      error('Input is too large to process. Either disable context shift or increase context length.', {
        code: 500,
        type: 'server_error',
      }),
      'context_too_long',
      1,
    ),
  ],
  [
    'lmstudio-ai/lmstudio-bug-tracker#2339',
    said(
      'LM Studio with tokens and no text',
      [text('', 'stop'), { choices: [], usage: { prompt_tokens: 36_000, completion_tokens: 0 } }],
      'provider_bad_answer',
      4,
    ),
  ],
  // Text Generation Inference
  [
    'huggingface/text-generation-inference#3050',
    said(
      'TGI',
      [text('half'), { error: 'Incomplete generation', error_type: 'incomplete_generation' }],
      'provider_unavailable',
      4,
    ),
  ],
  [
    'huggingface/text-generation-inference#1374',
    said(
      'TGI',
      [
        text('half'),
        {
          error:
            'Request failed during generation: Server error: CUDA out of memory. Tried to allocate 222.00 MiB.',
          error_type: 'generation',
        },
      ],
      'provider_unavailable',
      4,
    ),
  ],
  // OpenRouter and other gateways
  [
    'BerriAI/litellm#8448',
    said(
      'OpenRouter with an error and a message',
      [
        {
          choices: [{ index: 0, message: { role: 'assistant', content: null }, finish_reason: 'stop' }],
          error: {
            message: 'Provider returned error',
            code: 429,
            metadata: { raw: 'error code: 1015', provider_name: 'Kluster' },
          },
        },
      ],
      'provider_rate_limited',
      4,
    ),
  ],
  [
    'open-webui/computer#293',
    failed(
      'OpenRouter',
      429,
      error('Provider returned error', {
        code: 429,
        metadata: {
          raw: 'z-ai/glm-5.3-flash is temporarily rate-limited upstream. Please retry shortly, or add your own key to accumulate your rate limits',
          provider_name: 'BaseTen',
        },
      }),
      'provider_rate_limited',
      4,
    ),
  ],
  [
    'anomalyco/opencode#29912',
    failed(
      'OpenCode',
      429,
      error('Error from provider (Xiaomi): Too many requests', { type: 'limitation', code: '429' }),
      'provider_rate_limited',
      4,
    ),
  ],
  [
    'anomalyco/opencode#24462',
    failed(
      'OpenCode with an account without credit behind it',
      429,
      error('Error from provider (Moonshot): Insufficient balance', { type: 'limitation', code: '429' }),
      'provider_quota_exhausted',
      1,
    ),
  ],
  [
    'Gitlawb/openclaude#1490',
    failed(
      'a gateway',
      402,
      error('Insufficient credits — top up your balance', {
        type: 'insufficient_quota',
        code: 'insufficient_credits',
      }),
      'provider_quota_exhausted',
      1,
    ),
  ],
  [
    'BerriAI/litellm: BudgetExceededError',
    failed(
      'LiteLLM',
      400,
      error('Budget has been exceeded! Current cost: 10.5, Max budget: 10.0', {
        type: 'budget_exceeded',
        param: null,
        code: '400',
      }),
      'provider_quota_exhausted',
      1,
    ),
  ],
  [
    'songquanpeng/one-api#1385',
    failed(
      'one-api',
      400,
      error('Please use a valid role: user, model. (request id: 2024)', { type: '', param: '', code: 400 }),
      'provider_rejected',
      1,
    ),
  ],
  // DeepSeek
  [
    '666ghj/BettaFish#108',
    failed(
      'DeepSeek',
      400,
      error('Content Exists Risk', {
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_request_error',
      }),
      'content_refused',
      1,
    ),
  ],
  [
    'TencentCloud/TencentDB-Agent-Memory#168',
    said(
      'DeepSeek with the answer in its reasoning',
      [
        { choices: [{ index: 0, delta: { content: null, reasoning_content: '' } }] },
        { choices: [{ index: 0, delta: { content: null, reasoning_content: 'The whole summary.' } }] },
        { choices: [{ index: 0, delta: { content: '', reasoning_content: null }, finish_reason: 'stop' }] },
      ],
      'provider_bad_answer',
      4,
    ),
  ],
  // Mistral
  [
    'continuedev/continue#6185',
    failed(
      'Mistral',
      429,
      {
        object: 'error',
        message: 'Service tier capacity exceeded for this model.',
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
      'provider_unavailable',
      4,
    ),
  ],
  [
    'raycast/extensions#31107',
    failed(
      'Mistral',
      429,
      {
        object: 'error',
        message: 'Rate limit exceeded',
        type: 'rate_limited',
        param: null,
        code: '1300',
        raw_status_code: 429,
      },
      'provider_rate_limited',
      4,
    ),
  ],
  // Gemini
  [
    'google-gemini/gemini-cli#27548',
    failed('Gemini', 429, error('', NO_CAPACITY), 'provider_rate_limited', 4),
  ],
  [
    'google-gemini/gemini-cli#27548',
    said('Gemini in a stream', [{ error: NO_CAPACITY }], 'provider_rate_limited', 4),
  ],
  [
    'google-gemini/gemini-cli#23520',
    failed(
      'Gemini',
      503,
      error('No capacity available for model on the server', {
        code: 503,
        status: 'UNAVAILABLE',
        details: [{ reason: 'MODEL_CAPACITY_EXHAUSTED' }],
      }),
      'provider_unavailable',
      4,
    ),
  ],
  [
    'dreeveapp/dreeve#894',
    failed(
      'Gemini',
      400,
      [error('Please use a valid role: user, model.', { code: 400, status: 'INVALID_ARGUMENT' })],
      'provider_rejected',
      1,
    ),
  ],
  // Azure
  [
    'pollinations/pollinations#6260',
    failed(
      'Azure under high load',
      429,
      {
        success: false,
        error: {
          message:
            'azure-openai error: The system is currently experiencing high demand and cannot process your request. Your request exceeds the maximum usage size allowed during peak load. Please retry after 20 seconds.',
          code: 'RATE_LIMITED',
        },
      },
      'provider_rate_limited',
      4,
    ),
  ],
  // OpenAI
  [
    'openai/codex#19446',
    said(
      'OpenAI in a stream',
      [error('Selected model is at capacity. Please try a different model.')],
      'provider_unavailable',
      4,
    ),
  ],
  // Together, Fireworks, Moonshot, Volcengine, Cohere
  [
    'truefoundry/models#919',
    failed(
      'Together',
      400,
      {
        status: 'failure',
        message: 'together-ai error',
        error: {
          message:
            'together-ai error: Unable to access non-serverless model MiniMaxAI/MiniMax-M2.5. Please visit https://api.together.ai/models to create and start a new dedicated endpoint for the model.',
          type: 'invalid_request_error',
        },
      },
      'model_not_found',
      1,
    ),
  ],
  [
    'Fireworks',
    failed(
      'Fireworks',
      404,
      error('Model not found, inaccessible, and/or not deployed', {
        object: 'error',
        type: 'invalid_request_error',
        code: 'NOT_FOUND',
      }),
      'model_not_found',
      1,
    ),
  ],
  [
    'CherryHQ/cherry-studio#2959',
    failed(
      'Moonshot',
      429,
      error('Rate limit exceeded, please try again after 1 seconds', { type: 'rate_limit_reached_error' }),
      'provider_rate_limited',
      4,
    ),
  ],
  [
    'volcengine/MineContext#328',
    failed(
      'Volcengine',
      429,
      error(
        'Your account [21] has reached the set inference limit for the [doubao] model, and the model service has been paused. To continue using this model, please visit the Model Activation page to adjust or close the "Safe Experience Mode"',
        { code: 'SetLimitExceeded', param: '', type: 'TooManyRequests' },
      ),
      'provider_quota_exhausted',
      1,
    ),
  ],
  [
    'Cohere',
    failed(
      'Cohere',
      429,
      {
        message:
          'You are using a Trial key, which is limited to 1000 API calls / month. You can continue to use the Trial key for free or upgrade to a Production key with higher rate limits.',
      },
      'provider_quota_exhausted',
      1,
    ),
  ],
  [
    'Cloudflare Workers AI',
    failed(
      'Cloudflare',
      429,
      {
        errors: [{ message: 'AiError: Capacity temporarily exceeded, please try again.', code: 3040 }],
        success: false,
        result: {},
        messages: [],
      },
      'provider_unavailable',
      4,
    ),
  ],
  [
    'Alibaba DashScope',
    said(
      'DashScope in a stream',
      [
        {
          code: 'Throttling.AllocationQuota',
          message: 'Allocated quota exceeded, please increase your quota limit.',
        },
      ],
      'provider_rate_limited',
      4,
    ),
  ],
  // Anthropic
  [
    'anthropics/claude-code#72457',
    claude(
      failed(
        'Anthropic',
        400,
        {
          type: 'error',
          ...error('This organization has been disabled.', { type: 'invalid_request_error' }),
        },
        'provider_unauthorized',
        1,
      ),
    ),
  ],
  [
    'anthropics/claude-code#42616',
    claude(
      failed(
        'Anthropic',
        429,
        {
          type: 'error',
          ...error('Extra usage is required for long context requests.', { type: 'rate_limit_error' }),
        },
        'provider_quota_exhausted',
        1,
      ),
    ),
  ],
  [
    'anthropics/claude-code#26247',
    claude(
      failed(
        'Anthropic',
        429,
        {
          type: 'error',
          ...error("This request would exceed your account's rate limit. Please try again later.", {
            type: 'rate_limit_error',
          }),
        },
        'provider_rate_limited',
        4,
      ),
    ),
  ],
  [
    'Anthropic in a stream',
    claude(
      said(
        'Anthropic in a stream',
        [
          { type: 'content_block_delta', delta: { type: 'text_delta', text: 'half' } },
          {
            type: 'error',
            error: { details: null, type: 'api_error', message: 'Internal server error' },
          },
        ],
        'provider_unavailable',
        4,
      ),
    ),
  ],
  [
    'a message that stops without a reason',
    claude(
      said(
        'Anthropic',
        [
          { type: 'content_block_delta', delta: { type: 'text_delta', text: 'half' } },
          { type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: 3 } },
          { type: 'message_stop' },
        ],
        'provider_bad_answer',
        4,
      ),
    ),
  ],
]

describe('a task whose model server always answers as', () => {
  it.each(REPORTS.map(([report, shape]) => ({ report, ...shape })))(
    '$of in $report is $is, in $calls calls',
    async (shape) => {
      const { task, is, calls } = await shapes.run(shape)
      expect({ is, calls }).toEqual({ is: shape.is, calls: shape.calls })
      expect(task?.attempt).toBe(shape.calls)
    },
  )
})

const generate = (more: object = {}, model = freshModel()) =>
  createOpenaiProvider({ name: 'openai', key: 'a-key', baseUrl: shapes.server.url }, () => 0).generate(
    { model, messages: [{ role: 'user', content: 'hi' }], ...more },
    { signal: new AbortController().signal },
  )

describe('the usage of a call, wherever the server reports it', () => {
  const whole = text('whole', 'stop')
  const usage = { prompt_tokens: 21, completion_tokens: 4 }
  it.each<[string, readonly unknown[], object]>([
    [
      'Moonshot with the end (earendil-works/pi#2017)',
      [text('whole'), { choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage }] }],
      { inputTokens: 21, outputTokens: 4 },
    ],
    [
      'Groq in a separate field',
      [text('whole'), { ...text('', 'stop'), x_groq: { id: 'r', usage } }],
      { inputTokens: 21, outputTokens: 4 },
    ],
    [
      'Gemini, which counts reasoning only in the total (router-for-me/CLIProxyAPI#5733)',
      [whole, { choices: [], usage: { ...usage, total_tokens: 85 } }],
      { inputTokens: 21, outputTokens: 64, reasoningTokens: 60 },
    ],
    [
      'xAI, which does not count reasoning in the output',
      [
        whole,
        {
          choices: [],
          usage: { ...usage, total_tokens: 85, completion_tokens_details: { reasoning_tokens: 60 } },
        },
      ],
      { inputTokens: 21, outputTokens: 64, reasoningTokens: 60 },
    ],
    [
      'OpenAI, which counts reasoning in the output',
      [
        whole,
        {
          choices: [],
          usage: { ...usage, total_tokens: 25, completion_tokens_details: { reasoning_tokens: 3 } },
        },
      ],
      { inputTokens: 21, outputTokens: 4, reasoningTokens: 3 },
    ],
    [
      'Perplexity and Moonshot at the top level',
      [whole, { choices: [], usage: { ...usage, reasoning_tokens: 3, cached_tokens: 20 } }],
      { inputTokens: 21, outputTokens: 4, reasoningTokens: 3, cachedTokens: 20 },
    ],
    [
      'an inconsistent total',
      [whole, { choices: [], usage: { ...usage, total_tokens: 1e300 } }],
      { inputTokens: 21, outputTokens: 4 },
    ],
    [
      'a total that is too small',
      [whole, { choices: [], usage: { ...usage, total_tokens: 3 } }],
      { inputTokens: 21, outputTokens: 4 },
    ],
    [
      'OpenAI in its flex tier',
      [
        { ...whole, service_tier: 'flex' },
        { choices: [], service_tier: 'flex', usage },
      ],
      { inputTokens: 21, outputTokens: 4, tier: 'flex' },
    ],
    ['a list', [whole, { choices: [], usage: [usage] }], { inputTokens: null, outputTokens: null }],
    ['texts', [whole, { choices: [], usage: { prompt_tokens: '21' } }], { inputTokens: null }],
  ])('%s', async (_, events, expected) => {
    shapes.server.answer = (response) => answer(response, { events })
    expect(await generate()).toMatchObject({ text: 'whole', usage: expected })
  })
})

describe('a field that the server does not support is detected in the error of', () => {
  it.each<[string, string, string]>([
    // Bike4Mind/bike4mind#1089
    ['Moonshot', 'temperature', 'invalid temperature: only 1 is allowed for this model'],
    ['Bedrock’s newer models', 'temperature', '`temperature` is deprecated for this model.'],
    ['Cohere', 'stream_options', 'unknown field: parameter stream_options is not a valid field'],
    ['Mistral', 'stream_options', 'body.stream_options: Extra inputs are not permitted'],
    ['Ollama’s proxies', 'stream_options', 'Unrecognized request argument supplied: stream_options'],
  ])('%s: no %s', async (_, field, message) => {
    shapes.server.calls.length = 0
    shapes.server.answer = (response, { body }) =>
      field in body
        ? answer(response, { status: 400, body: error(message, { type: 'invalid_request_error' }) })
        : answer(response, { events: [text('whole', 'stop')] })
    const model = freshModel()
    expect(await generate({ temperature: 0.5 }, model)).toMatchObject({ text: 'whole' })
    expect(await generate({ temperature: 0.5 }, model)).toMatchObject({ text: 'whole' })
    expect(shapes.server.calls).toHaveLength(3)
  })
})

describe('the time of the next attempt, from the error of', () => {
  it.each<[string, unknown, number]>([
    [
      'Baidu, with status 200',
      { error_code: 17, error_msg: 'Open api daily request limit reached' },
      3_600_000,
    ],
    ['Azure, after a day', 'Please retry after 86400 seconds.', 3_600_000],
    ['Moonshot', 'Rate limit exceeded, please try again after 2 seconds', 2_000],
    ['LiteLLM', 'No deployments available for selected model, Try again in 60 seconds.', 60_000],
    ['Bedrock for a day', 'Too many tokens per day, please wait before trying again.', 3_600_000],
  ])('%s', async (_, told, retryAfterMs) => {
    shapes.server.answer = (response) =>
      answer(response, typeof told === 'string' ? { status: 429, body: error(told) } : { events: [told] })
    await expect(generate()).rejects.toMatchObject({ code: 'provider_rate_limited', retryAfterMs })
  })
})
