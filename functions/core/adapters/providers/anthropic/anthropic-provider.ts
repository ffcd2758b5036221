import * as z from 'zod'
import { readTier, readTokens } from '../../../domain/model-usage.ts'
import { failedCall } from '../../../domain/provider-failure.ts'
import type {
  GenerateOptions,
  ModelAnswer,
  ModelMessage,
  ModelProvider,
  ModelRequest,
} from '../../../ports/model-provider.ts'
import { AnswerBuilder, collectAnswer, documentedEndings, type Endings } from '../shared/answer.ts'
import { asProvider, type ErrorRules, post, secretsOf } from '../shared/as-provider.ts'
import type { OpenProvider } from '../shared/open-provider.ts'
import { parsePiece } from '../shared/parse-piece.ts'
import { type BodyPart, readBody } from '../shared/read-body.ts'
import { readError, readErrorText } from '../shared/read-error.ts'
import { ANTHROPIC_RULES } from './failures.ts'

const ANTHROPIC = 'https://api.anthropic.com'
const VERSION = '2023-06-01'
/** The API requires a limit; this one is for callers that state none. */
const DEFAULT_MAX_TOKENS = 4_096

/** Meanings of `stop_reason`. */
export const ANTHROPIC_ENDINGS: Endings = documentedEndings(
  'https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons',
  {
    end_turn: { kind: 'stop' },
    stop_sequence: { kind: 'stop' },
    max_tokens: { kind: 'length' },
    model_context_window_exceeded: { kind: 'length' },
    // A paused answer that could be continued: the text is only its beginning.
    pause_turn: { kind: 'length' },
    refusal: { kind: 'refused' },
    tool_use: { kind: 'bad', retry: 'never' },
  },
)

export interface AnthropicServer {
  readonly name: string
  readonly baseUrl?: string | undefined
  readonly key?: string | undefined
  readonly isRecorded?: boolean | undefined
}

/** Anthropic, and servers with the same messages API: https://platform.claude.com/docs/en/api/messages */
export function createAnthropicProvider(server: AnthropicServer, now: () => number): ModelProvider {
  const { name, key } = server
  const base = new URL(server.baseUrl ?? ANTHROPIC)
  const failing = { provider: name, rules: ANTHROPIC_RULES, now }
  const call = async (
    request: ModelRequest,
    { signal, onDelta, onHeaders, onReply, traceparent }: GenerateOptions,
  ): Promise<ModelAnswer> => {
    const headers = {
      'anthropic-version': VERSION,
      ...(key ? { 'x-api-key': key } : {}),
      ...(traceparent === undefined ? {} : { traceparent }),
    }
    const reply = await post(
      { ...failing, ...(onReply ? { onReply } : {}) },
      addressOf(base),
      headers,
      requestBody(request),
      signal,
      onHeaders,
    )
    const answer = new AnswerBuilder(name, ANTHROPIC_ENDINGS, onDelta)
    return collectAnswer(readBody(name, reply.body), answer, signal, (part) =>
      takePart(part, answer, failing),
    )
  }
  return asProvider(
    name,
    [...(key ? [key] : []), ...secretsOf(base)],
    call,
    server.isRecorded ? { records: 'anthropic' } : {},
  )
}

export const openProvider: OpenProvider = (server, clock) => createAnthropicProvider(server, clock.now)

function addressOf(base: URL): URL {
  const url = new URL(base)
  url.username = ''
  url.password = ''
  const path = url.pathname.replace(/\/+$/, '')
  url.pathname = `${/\/v1$/.test(path) ? path : `${path}/v1`}/messages`
  return url
}

const requestBody = (request: ModelRequest): Record<string, unknown> => ({
  model: request.model,
  max_tokens: request.maxTokens ?? DEFAULT_MAX_TOKENS,
  messages: request.messages.map(toMessage),
  stream: true,
  ...(request.system === undefined ? {} : { system: request.system }),
  ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
  ...(request.stop === undefined ? {} : { stop_sequences: request.stop }),
  ...(request.json === undefined
    ? {}
    : { output_config: { format: { type: 'json_schema', schema: request.json.schema } } }),
})

const toMessage = ({ role, content }: ModelMessage) => ({
  role,
  content:
    typeof content === 'string'
      ? content
      : content.map((part) =>
          part.type === 'text'
            ? { type: 'text', text: part.text }
            : { type: 'image', source: { type: 'base64', media_type: part.mediaType, data: part.base64 } },
        ),
})

const block = z.looseObject({ type: z.string().nullish(), text: z.string().nullish() })
const object = z.looseObject({}).catch({})
const numbers = z.looseObject({}).nullish().catch(undefined)
const eventSchema = z.looseObject({
  // Some proxies leave it out of errors.
  type: z.string().nullish(),
  error: z.unknown().optional(),
  message: z.looseObject({ usage: numbers }).nullish().or(z.string()),
  content_block: block.nullish(),
  delta: block.extend({ stop_reason: z.string().nullish() }).nullish(),
  usage: numbers.optional(),
  // Fields of a whole message instead of a stream.
  content: z.array(block).nullish(),
  stop_reason: z.string().nullish(),
})

function takePart(part: BodyPart, answer: AnswerBuilder, { provider, rules, now }: ErrorRules): boolean {
  const failed = (read: ReturnType<typeof readError>) =>
    failedCall({ ...read, provider, usage: answer.usage, now: now() }, rules)
  if (part.event === 'error' && !part.data.trimStart().startsWith('{')) throw failed(readErrorText(part.data))
  const event = parsePiece(eventSchema, part.data, provider)
  const isError = part.event === 'error' || event.type === 'error' || (part.isWhole && !event.content)
  if (isError || event.error) throw failed(readError(event))
  if (typeof event.message === 'object') takeUsage(event.message?.usage, answer)
  takeUsage(event.usage, answer)
  const { delta, content_block: begun } = event
  if (begun?.text && (begun.type ?? 'text') === 'text') answer.add(begun.text)
  if (begun?.type === 'tool_use') answer.callTool()
  else if (begun?.type && begun.type !== 'text') answer.other = begun.type
  if (delta?.type === 'text_delta') answer.add(delta.text ?? '')
  for (const { type, text } of event.content ?? []) if (type === 'text') answer.add(text ?? '')
  answer.end(delta?.stop_reason ?? event.stop_reason)
  return part.isWhole || event.type === 'message_stop' || (event.type === 'message_delta' && answer.hasEnded)
}

/** `input_tokens` excludes tokens read from the cache and written to it, which are input as well. */
function takeUsage(usage: Readonly<Record<string, unknown>> | null | undefined, answer: AnswerBuilder): void {
  if (!usage) return
  const before = answer.usage
  const fresh = readTokens(usage.input_tokens)
  const cached = readTokens(usage.cache_read_input_tokens)
  const written = readTokens(usage.cache_creation_input_tokens)
  const { ephemeral_1h_input_tokens } = object.parse(usage.cache_creation)
  const tier = readTier(usage.service_tier)
  const forAnHour = Math.min(readTokens(ephemeral_1h_input_tokens) ?? 0, written ?? 0)
  answer.usage = {
    ...before,
    inputTokens: fresh === null ? before.inputTokens : fresh + (cached ?? 0) + (written ?? 0),
    outputTokens: readTokens(usage.output_tokens) ?? before.outputTokens,
    cachedTokens: cached ?? before.cachedTokens,
    reasoningTokens: before.reasoningTokens,
    ...(tier === undefined ? {} : { tier }),
    ...(written === null ? {} : { cacheWriteTokens: written - forAnHour, hourCacheWriteTokens: forAnHour }),
  }
}
