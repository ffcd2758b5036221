import {
  BedrockRuntimeClient,
  type ContentBlock,
  ConverseStreamCommand,
  type ConverseStreamCommandInput,
  type ConverseStreamOutput,
} from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { ProviderError } from '../../../domain/errors.ts'
import { readTokens } from '../../../domain/model-usage.ts'
import { badAnswer, failedCall, unreachable } from '../../../domain/provider-failure.ts'
import type {
  GenerateOptions,
  MessagePart,
  ModelAnswer,
  ModelProvider,
  ModelRequest,
} from '../../../ports/model-provider.ts'
import { AnswerBuilder, collectAnswer, documentedEndings, type Endings } from '../shared/answer.ts'
import { asProvider } from '../shared/as-provider.ts'
import type { OpenProvider } from '../shared/open-provider.ts'
import { describeCauses, proxyAgents } from '../shared/post-json.ts'
import { BEDROCK_RULES } from './failures.ts'

const NAME = 'bedrock'

/** Meanings of `stopReason`. */
export const BEDROCK_ENDINGS: Endings = documentedEndings(
  'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html',
  {
    end_turn: { kind: 'stop' },
    stop_sequence: { kind: 'stop' },
    max_tokens: { kind: 'length' },
    model_context_window_exceeded: { kind: 'length' },
    guardrail_intervened: { kind: 'refused' },
    content_filtered: { kind: 'refused' },
    tool_use: { kind: 'bad', retry: 'never' },
    malformed_tool_use: { kind: 'bad', retry: 'never' },
    malformed_model_output: { kind: 'bad', retry: 'counted' },
  },
)

/** Every Bedrock model that supports Converse; credentials and Region are the function's own. */
export function createBedrockProvider(now: () => number, client = openClient()): ModelProvider {
  return asProvider(NAME, [], async (request, options) => {
    const answer = new AnswerBuilder(NAME, BEDROCK_ENDINGS, options.onDelta)
    try {
      return await callModel(client, request, options, answer)
    } catch (error) {
      throw translate(error, answer, now())
    }
  })
}

export const openProvider: OpenProvider = (_, clock) => createBedrockProvider(clock.now)

/** Uses HTTP/1.1 where a proxy is set, because the client's HTTP/2 connections do not support one. */
function openClient(): BedrockRuntimeClient {
  const proxied = proxyAgents()
  return new BedrockRuntimeClient({
    maxAttempts: 1,
    ...(proxied ? { requestHandler: new NodeHttpHandler(proxied) } : {}),
  })
}

async function callModel(
  client: BedrockRuntimeClient,
  request: ModelRequest,
  { signal, traceparent }: GenerateOptions,
  answer: AnswerBuilder,
): Promise<ModelAnswer> {
  const command = new ConverseStreamCommand(inputOf(request))
  if (traceparent !== undefined)
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as { headers: Record<string, string> }).headers, { traceparent })
        return next(args)
      },
      { step: 'build' },
    )
  const { stream } = await client.send(command, { abortSignal: signal })
  if (!stream) throw badAnswer(NAME, 'no stream came')
  return collectAnswer(stream, answer, signal, (event) => takeEvent(event, answer))
}

function inputOf(request: ModelRequest): ConverseStreamCommandInput {
  const { system, maxTokens, temperature, stop, json } = request
  return {
    modelId: request.model,
    messages: request.messages.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? [{ text: content }] : content.map(toBlock),
    })),
    ...(system === undefined ? {} : { system: [{ text: system }] }),
    inferenceConfig: {
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(stop === undefined ? {} : { stopSequences: [...stop] }),
    },
    ...(json === undefined
      ? {}
      : {
          outputConfig: {
            textFormat: {
              type: 'json_schema',
              structure: { jsonSchema: { name: json.name, schema: JSON.stringify(json.schema) } },
            },
          },
        }),
  }
}

const toBlock = (part: MessagePart): ContentBlock =>
  part.type === 'text'
    ? { text: part.text }
    : {
        image: {
          format: part.mediaType.slice('image/'.length) as 'png' | 'jpeg' | 'gif' | 'webp',
          source: { bytes: Buffer.from(part.base64, 'base64') },
        },
      }

/** @returns whether the answer is complete: the token counts come last, after the end. */
function takeEvent(event: ConverseStreamOutput, answer: AnswerBuilder): boolean {
  const failed =
    event.internalServerException ??
    event.modelStreamErrorException ??
    event.throttlingException ??
    event.serviceUnavailableException ??
    event.validationException
  if (failed) throw failed
  const delta = event.contentBlockDelta?.delta
  if (typeof delta?.text === 'string') answer.add(delta.text)
  else if (delta?.text !== undefined) throw badAnswer(NAME, 'a piece of its text is no text')
  if (delta?.reasoningContent) answer.other = 'reasoning'
  if (delta?.toolUse) answer.callTool()
  answer.end(event.messageStop?.stopReason)
  const usage = event.metadata?.usage
  if (usage) {
    const cached = readTokens(usage.cacheReadInputTokens)
    const fresh = readTokens(usage.inputTokens)
    const written = readTokens(usage.cacheWriteInputTokens)
    answer.usage = {
      inputTokens: fresh === null ? null : fresh + (cached ?? 0) + (written ?? 0),
      ...(written ? { cacheWriteTokens: written } : {}),
      outputTokens: readTokens(usage.outputTokens),
      cachedTokens: cached,
      reasoningTokens: null,
    }
  }
  return usage !== undefined && answer.hasEnded
}

/** Exceptions are identified by name, since they have no status inside a stream. Others are connection failures. */
function translate(error: unknown, answer: AnswerBuilder, now: number): unknown {
  if (!(error instanceof Error) || 'retry' in error) return error as ProviderError
  const { $metadata, $response, name, message } = error as Error & {
    readonly $metadata?: { readonly httpStatusCode?: number }
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
  }
  const { code } = error as { readonly code?: unknown }
  // The client adds its metadata to connection failures too.
  if (
    $metadata?.httpStatusCode === undefined &&
    typeof code === 'string' &&
    /^(E[A-Z]+|CERT_|ERR_)/.test(code)
  )
    return unreachable(NAME, describeCauses(error))
  const isNamed = $metadata !== undefined || /Exception$|Throttling|Token/.test(name)
  if (name === 'CredentialsProviderError')
    return failedCall({ provider: NAME, status: 401, message: 'this function has no AWS credentials.', now })
  if (!isNamed || /^(TimeoutError|NetworkingError)$/.test(name)) {
    const isConnection = 'code' in error || /socket|network|getaddrinfo|timeout|closed/i.test(message)
    return isConnection ? unreachable(NAME, describeCauses(error)) : badAnswer(NAME, describeCauses(error))
  }
  return failedCall(
    {
      provider: NAME,
      status: $metadata?.httpStatusCode,
      code: name,
      message: `${name}: ${message}`,
      headers: $response?.headers ?? {},
      usage: answer.usage,
      now,
    },
    BEDROCK_RULES,
  )
}
