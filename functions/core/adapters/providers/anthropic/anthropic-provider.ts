import Anthropic, { APIConnectionError, APIError } from '@anthropic-ai/sdk'
import { ProviderError } from '../../../domain/errors.ts'
import { badAnswer, failedStatus, refused, unreachable } from '../../../domain/provider-failure.ts'
import type {
  GenerateOptions,
  ModelAnswer,
  ModelProvider,
  ModelRequest,
} from '../../../ports/model-provider.ts'

const NAME = 'anthropic'
const NEVER_MS = 3_600_000
/** The API wants a limit; this is what the caller gets who names none. */
const DEFAULT_MAX_TOKENS = 4_096

export function createAnthropicProvider(
  apiKey: string,
  baseURL: string | undefined,
  now: () => number,
): ModelProvider {
  // `off`: the SDK would print chunks that it cannot parse, and those can hold a prompt.
  const client = new Anthropic({
    apiKey,
    maxRetries: 0,
    timeout: NEVER_MS,
    logLevel: 'off',
    ...(baseURL ? { baseURL } : {}),
  })
  return {
    name: NAME,
    async generate(request, options) {
      try {
        return await ask(client, request, options)
      } catch (error) {
        options.signal.throwIfAborted()
        throw translate(error, now())
      }
    },
  }
}

async function ask(
  client: Anthropic,
  request: ModelRequest,
  { signal, onDelta, traceparent }: GenerateOptions,
): Promise<ModelAnswer> {
  const stream = await client.messages.create(
    {
      model: request.model,
      max_tokens: request.maxTokens ?? DEFAULT_MAX_TOKENS,
      messages: [{ role: 'user', content: request.prompt }],
      stream: true,
      ...(request.system === undefined ? {} : { system: request.system }),
      ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    },
    { signal, ...(traceparent === undefined ? {} : { headers: { traceparent } }) },
  )
  let text = ''
  let stop: string | null = null
  let isWhole = false
  let inputTokens = 0
  let outputTokens = 0
  for await (const event of stream) {
    if (event.type === 'message_start') inputTokens = event.message.usage.input_tokens
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
      text += event.delta.text
      onDelta?.(event.delta.text)
    }
    if (event.type === 'message_delta') {
      stop = event.delta.stop_reason
      outputTokens = event.usage.output_tokens
    }
    if (event.type === 'message_stop') isWhole = true
  }
  signal.throwIfAborted()
  if (stop === 'refusal') throw refused(NAME)
  if (!isWhole) throw badAnswer(NAME, 'the stream ended early')
  const finishReason =
    stop === 'end_turn' || stop === 'stop_sequence' ? 'stop' : stop === 'max_tokens' ? 'length' : 'other'
  return { text, inputTokens, outputTokens, finishReason }
}

function translate(error: unknown, now: number): ProviderError {
  if (error instanceof ProviderError) return error
  if (error instanceof APIConnectionError) return unreachable(NAME, causeOf(error))
  if (error instanceof APIError && error.status !== undefined)
    return failedStatus({
      provider: NAME,
      status: error.status,
      message: error.message.replace(/^\d+ /, ''),
      retryAfter: error.headers?.get('retry-after') ?? null,
      now,
    })
  // An `error` event in the middle of a stream has a type and no status.
  if (error instanceof APIError && /overloaded|api_error|rate_limit/.test(error.message))
    return failedStatus({ provider: NAME, status: 529, message: error.message, now })
  return badAnswer(NAME, causeOf(error))
}

const causeOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}`
    : String(error)
