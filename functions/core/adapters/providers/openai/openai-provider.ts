import OpenAI, { APIConnectionError, APIError } from 'openai'
import { ProviderError } from '../../../domain/errors.ts'
import { badAnswer, failedStatus, refused, unreachable } from '../../../domain/provider-failure.ts'
import type {
  GenerateOptions,
  ModelAnswer,
  ModelProvider,
  ModelRequest,
} from '../../../ports/model-provider.ts'

const NAME = 'openai'
/** Above every limit of ours: the attempt's signal decides when a call ends. */
const NEVER_MS = 3_600_000
const REFUSALS = ['content_filter', 'content_policy_violation']

/** OpenAI and every server that speaks its chat completions. */
export function createOpenaiProvider(
  apiKey: string,
  baseURL: string | undefined,
  now: () => number,
): ModelProvider {
  // `off`: the SDK would print chunks that it cannot parse, and those can hold a prompt.
  const client = new OpenAI({
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
  client: OpenAI,
  request: ModelRequest,
  { signal, onDelta, traceparent }: GenerateOptions,
): Promise<ModelAnswer> {
  const stream = await client.chat.completions.create(
    {
      model: request.model,
      messages: [
        ...(request.system === undefined ? [] : [{ role: 'system' as const, content: request.system }]),
        { role: 'user' as const, content: request.prompt },
      ],
      stream: true,
      stream_options: { include_usage: true },
      ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
      // The older name: newer OpenAI models still take it on most routes, and compatible servers know no other.
      ...(request.maxTokens === undefined ? {} : { max_tokens: request.maxTokens }),
    },
    { signal, ...(traceparent === undefined ? {} : { headers: { traceparent } }) },
  )
  let text = ''
  let finish: string | null = null
  let inputTokens = 0
  let outputTokens = 0
  for await (const chunk of stream) {
    const choice = chunk.choices?.[0]
    const delta = choice?.delta?.content
    if (delta) {
      text += delta
      onDelta?.(delta)
    }
    if (choice?.delta?.refusal) throw refused(NAME)
    finish = choice?.finish_reason ?? finish
    inputTokens = chunk.usage?.prompt_tokens ?? inputTokens
    outputTokens = chunk.usage?.completion_tokens ?? outputTokens
  }
  signal.throwIfAborted()
  if (finish === 'content_filter') throw refused(NAME)
  // Half a text is not an answer: a stream that ends without a finish reason was cut.
  if (finish === null) throw badAnswer(NAME, 'the stream ended early')
  return {
    text,
    inputTokens,
    outputTokens,
    finishReason: finish === 'stop' || finish === 'length' ? finish : 'other',
  }
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
      retryAfterMs: error.headers?.get('retry-after-ms') ?? null,
      isRefusal: REFUSALS.includes(String(error.code)),
      now,
    })
  return badAnswer(NAME, causeOf(error))
}

const causeOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}`
    : String(error)
