import {
  BedrockRuntimeClient,
  BedrockRuntimeServiceException,
  ConverseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
import { ProviderError } from '../../../domain/errors.ts'
import { badAnswer, failedStatus, refused, unreachable } from '../../../domain/provider-failure.ts'
import type {
  GenerateOptions,
  ModelAnswer,
  ModelProvider,
  ModelRequest,
} from '../../../ports/model-provider.ts'

const NAME = 'bedrock'

/** Any model of Bedrock that Converse takes; credentials and Region are the function's own. */
export function createBedrockProvider(
  now: () => number,
  client = new BedrockRuntimeClient({ maxAttempts: 1 }),
): ModelProvider {
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
  client: BedrockRuntimeClient,
  request: ModelRequest,
  { signal, onDelta, traceparent }: GenerateOptions,
): Promise<ModelAnswer> {
  const command = new ConverseStreamCommand({
    modelId: request.model,
    messages: [{ role: 'user', content: [{ text: request.prompt }] }],
    ...(request.system === undefined ? {} : { system: [{ text: request.system }] }),
    inferenceConfig: {
      ...(request.maxTokens === undefined ? {} : { maxTokens: request.maxTokens }),
      ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    },
  })
  if (traceparent !== undefined)
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as { headers: Record<string, string> }).headers, { traceparent })
        return next(args)
      },
      { step: 'build' },
    )
  const { stream } = await client.send(command, { abortSignal: signal })
  let text = ''
  let stop: string | undefined
  let inputTokens = 0
  let outputTokens = 0
  for await (const event of stream ?? []) {
    const delta = event.contentBlockDelta?.delta?.text
    if (delta) {
      text += delta
      onDelta?.(delta)
    }
    stop = event.messageStop?.stopReason ?? stop
    inputTokens = event.metadata?.usage?.inputTokens ?? inputTokens
    outputTokens = event.metadata?.usage?.outputTokens ?? outputTokens
    const failed =
      event.internalServerException ??
      event.modelStreamErrorException ??
      event.throttlingException ??
      event.serviceUnavailableException ??
      event.validationException
    if (failed) throw failed
    signal.throwIfAborted()
  }
  if (stop === 'content_filtered' || stop === 'guardrail_intervened') throw refused(NAME)
  if (stop === undefined) throw badAnswer(NAME, 'the stream ended early')
  const finishReason =
    stop === 'end_turn' || stop === 'stop_sequence' ? 'stop' : stop === 'max_tokens' ? 'length' : 'other'
  return { text, inputTokens, outputTokens, finishReason }
}

function translate(error: unknown, now: number): ProviderError {
  if (error instanceof ProviderError) return error
  if (error instanceof BedrockRuntimeServiceException) {
    const status = error.$metadata?.httpStatusCode ?? (error.name === 'ThrottlingException' ? 429 : 500)
    const retryAfter = error.$response?.headers?.['retry-after'] ?? null
    return failedStatus({
      provider: NAME,
      status,
      message: `${error.name}: ${error.message}`,
      retryAfter,
      now,
    })
  }
  const message = error instanceof Error ? error.message : String(error)
  return /ECONN|socket|network|getaddrinfo|timeout/i.test(message)
    ? unreachable(NAME, message)
    : badAnswer(NAME, message)
}
