/** Requests and answers of OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat */
import * as z from 'zod'
import type { ProviderError } from '../../../domain/errors.ts'
import { readTier, readTokens } from '../../../domain/model-usage.ts'
import { failedCall } from '../../../domain/provider-failure.ts'
import type { ModelMessage, ModelRequest } from '../../../ports/model-provider.ts'
import type { AnswerBuilder } from '../shared/answer.ts'
import type { ErrorRules } from '../shared/as-provider.ts'
import { parsePiece } from '../shared/parse-piece.ts'
import type { BodyPart } from '../shared/read-body.ts'
import { readError, readErrorText } from '../shared/read-error.ts'
import type { Dialect } from './dialect.ts'

export function requestBody(request: ModelRequest, dialect: Dialect): Record<string, unknown> {
  const { model, temperature, maxTokens, stop, json, tier } = request
  const asText = json && !dialect.hasJsonSchema
  const system = [
    request.system,
    asText && `Answer with JSON of this schema and nothing else: ${JSON.stringify(json.schema)}`,
  ]
    .filter(Boolean)
    .join('\n\n')
  const messages = request.messages.map(toMessage)
  if (system && dialect.hasSystem) messages.unshift({ role: 'system', content: system })
  if (system && !dialect.hasSystem) messages[0] = withText(messages[0], system)
  return {
    model,
    messages,
    ...(dialect.streams ? { stream: true } : {}),
    ...(dialect.streams && dialect.hasStreamOptions ? { stream_options: { include_usage: true } } : {}),
    ...(temperature === undefined || !dialect.hasTemperature ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { [dialect.maxTokensName]: maxTokens }),
    ...(stop === undefined ? {} : { stop }),
    ...(tier && dialect.hasTiers ? { service_tier: tier } : {}),
    ...(json && dialect.hasJsonSchema
      ? { response_format: { type: 'json_schema', json_schema: { ...json, strict: true } } }
      : {}),
  }
}

interface Message {
  readonly role: string
  readonly content: string | readonly object[]
}

const toMessage = ({ role, content }: ModelMessage): Message => ({
  role,
  content:
    typeof content === 'string'
      ? content
      : content.map((part) =>
          part.type === 'text'
            ? { type: 'text', text: part.text }
            : { type: 'image_url', image_url: { url: `data:${part.mediaType};base64,${part.base64}` } },
        ),
})

function withText(message: Message | undefined, text: string): Message {
  if (message?.role !== 'user') return { role: 'user', content: text }
  const { content } = message
  return {
    role: 'user',
    content: typeof content === 'string' ? `${text}\n\n${content}` : [{ type: 'text', text }, ...content],
  }
}

/** A text, or a list of parts of which only text parts are used; anything else is no answer. */
const content = z.union([
  z.string(),
  z
    .array(
      z.looseObject({
        type: z.string().optional(),
        text: z.string().nullish(),
        refusal: z.string().nullish(),
      }),
    )
    .transform((parts) => ({
      text: parts
        .map(({ type = 'text', text }) => (/^(output_)?text$/.test(type) ? (text ?? '') : ''))
        .join(''),
      refusal: parts.find(({ refusal }) => refusal)?.refusal,
      isThought: parts.some(({ type }) => type !== undefined && /think|thought|reason/.test(type)),
    })),
])
const speech = z.looseObject({
  content: content.nullish(),
  refusal: z.string().nullish(),
  reasoning: z.unknown().optional(),
  reasoning_content: z.unknown().optional(),
  tool_calls: z.unknown().optional(),
  function_call: z.unknown().optional(),
})
const chunkSchema = z.looseObject({
  error: z.unknown().optional(),
  choices: z
    .array(
      z.looseObject({
        index: z.number().nullish(),
        delta: speech.nullish(),
        message: speech.nullish(),
        text: z.string().nullish(),
        finish_reason: z.union([z.string(), z.null()]).optional(),
        error: z.unknown().optional(),
        usage: z.unknown().optional(),
      }),
    )
    .nullish(),
  usage: z.unknown().optional(),
})

/** Google sends an error as a list with one element. */
const pieceSchema = z.union([
  chunkSchema,
  z.array(chunkSchema).transform(([first]): z.output<typeof chunkSchema> => first ?? {}),
])

/** Reads one piece of an answer. @returns whether it was the last. */
export function takePart(part: BodyPart, answer: AnswerBuilder, failing: ErrorRules): boolean {
  const { provider, rules, now } = failing
  if (part.data.trim() === '[DONE]') return true
  // An error as plain text.
  if (part.event === 'error' && !part.data.trimStart().startsWith('{'))
    throw failedCall({ ...readErrorText(part.data), provider, usage: answer.usage, now: now() }, rules)
  const chunk = parsePiece(pieceSchema, part.data, provider)
  // Moonshot sends usage beside the finish reason, Groq in a field of its own.
  for (const usage of [
    chunk.usage,
    details(chunk.x_groq).usage,
    ...(chunk.choices ?? []).map(({ usage }) => usage),
  ])
    takeUsage(usage, answer)
  const tier = readTier(chunk.service_tier)
  if (tier !== undefined) answer.usage = { ...answer.usage, tier }
  const failed = chunk.error ? chunk : chunk.choices?.find(({ error }) => error)?.error
  // vLLM sends an error in place of a chunk.
  const isError =
    part.event === 'error' ||
    (!chunk.choices &&
      (chunk.object === 'error' ||
        chunk.type === 'error' ||
        chunk.success === false ||
        (Array.isArray(chunk.errors) && chunk.errors.length > 0) ||
        Number(chunk.statusCode ?? chunk.status_code) >= 400 ||
        Boolean(details(chunk.base_resp).status_code) ||
        // DashScope and Baidu.
        (Boolean(chunk.code ?? chunk.error_code) && Boolean(chunk.message ?? chunk.error_msg))))
  if (failed || isError) throw streamFailure(failed || chunk, answer, failing)
  const choice = chunk.choices?.find(({ index }) => !index)
  if (!choice) {
    if (part.isWhole && !chunk.choices) throw streamFailure(chunk, answer, failing)
    return part.isWhole
  }
  const { delta, message, text } = choice
  const content = delta ?? message
  if (content?.refusal || refusalIn(content?.content)) answer.isRefused = true
  if (isCall(content?.tool_calls) || isCall(content?.function_call)) answer.callTool()
  else if (content?.reasoning || content?.reasoning_content || isThought(content?.content))
    answer.other ||= 'reasoning'
  const [piece, whole] = [textIn(delta?.content), textIn(message?.content)]
  if (piece) answer.add(piece)
  // Some servers repeat the whole text at the end as `message`.
  else if (whole && !answer.hasText) answer.add(whole)
  else if (text) answer.add(text)
  answer.end(choice.finish_reason)
  return part.isWhole
}

type Content = z.output<typeof content> | null | undefined
const textIn = (content: Content): string => (typeof content === 'string' ? content : (content?.text ?? ''))
const refusalIn = (content: Content) => (typeof content === 'object' ? content?.refusal : undefined)
const isThought = (content: Content) => typeof content === 'object' && content?.isThought === true
/** Some servers send an empty list with every piece. */
const isCall = (called: unknown): boolean => (Array.isArray(called) ? called.length > 0 : Boolean(called))

function streamFailure(
  value: unknown,
  answer: AnswerBuilder,
  { provider, rules, now }: ErrorRules,
): ProviderError {
  return failedCall({ ...readError(value), provider, usage: answer.usage, now: now() }, rules)
}

const object = z.looseObject({}).catch({})
const details = (value: unknown): Record<string, unknown> => object.parse(value)

/** The last numbers count, because some servers send running totals. */
function takeUsage(value: unknown, answer: AnswerBuilder): void {
  if (typeof value !== 'object' || value === null) return
  const usage = details(value)
  const before = answer.usage
  const read = (...values: readonly unknown[]): number | null =>
    values.map(readTokens).find((tokens) => tokens !== null) ?? null
  const input = read(usage.prompt_tokens, usage.input_tokens)
  const output = read(usage.completion_tokens, usage.output_tokens)
  const total = readTokens(usage.total_tokens)
  // Gemini and xAI include reasoning in the total but not in the output, and bill it as output.
  const apart = total !== null && input !== null && output !== null ? Math.max(0, total - input - output) : 0
  answer.usage = {
    ...before,
    inputTokens: input ?? before.inputTokens,
    outputTokens: output === null ? before.outputTokens : output + apart,
    // DeepSeek and Moonshot send the cached part at the top level.
    cachedTokens:
      read(
        details(usage.prompt_tokens_details).cached_tokens,
        usage.prompt_cache_hit_tokens,
        usage.cached_tokens,
      ) ?? before.cachedTokens,
    reasoningTokens:
      read(details(usage.completion_tokens_details).reasoning_tokens, usage.reasoning_tokens) ??
      (apart > 0 ? apart : before.reasoningTokens),
  }
}
