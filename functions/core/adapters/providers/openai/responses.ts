/** Requests and answers of OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses */
import * as z from 'zod'
import { readTier, readTokens } from '../../../domain/model-usage.ts'
import { badAnswer, failedCall } from '../../../domain/provider-failure.ts'
import type { CallOutcome, ModelMessage, ModelRequest } from '../../../ports/model-provider.ts'
import { type AnswerBuilder, outcomeOf } from '../shared/answer.ts'
import type { ErrorRules } from '../shared/as-provider.ts'
import { readError } from '../shared/read-error.ts'

/** A background response: stored so that it can be read later, and streamed so that the stream can be resumed. */
export function responseBody(
  request: ModelRequest,
  { hasTemperature, hasTiers }: { readonly hasTemperature: boolean; readonly hasTiers: boolean },
): Record<string, unknown> {
  const { model, system, temperature, maxTokens, json, tier } = request
  return {
    model,
    input: request.messages.map(toItem),
    background: true,
    store: true,
    stream: true,
    ...(system === undefined ? {} : { instructions: system }),
    ...(temperature === undefined || !hasTemperature ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
    ...(tier && hasTiers ? { service_tier: tier } : {}),
    ...(json ? { text: { format: { type: 'json_schema', ...json, strict: true } } } : {}),
  }
}

const toItem = ({ role, content }: ModelMessage) => ({
  role,
  content:
    typeof content === 'string'
      ? content
      : content.map((part) =>
          part.type === 'text'
            ? { type: role === 'user' ? 'input_text' : 'output_text', text: part.text }
            : { type: 'input_image', image_url: `data:${part.mediaType};base64,${part.base64}` },
        ),
})

const part = z.looseObject({ type: z.string(), text: z.string().nullish() })
const item = z.looseObject({ type: z.string(), content: z.array(part).nullish() })
const response = z.looseObject({
  // Part of an address, where two dots would lead elsewhere.
  id: z.string().regex(/^(?!\.{1,2}$)[\x21-\x7e]{1,500}$/),
  status: z.string().nullish(),
  error: z.unknown().optional(),
  incomplete_details: z.looseObject({ reason: z.string().nullish() }).nullish(),
  output: z.array(item).nullish(),
  usage: z.unknown().optional(),
  service_tier: z.unknown().optional(),
})
export type Response = z.output<typeof response>

/** An event of a stream, or a whole response in its place. */
export const eventSchema = z.union([
  z.looseObject({
    type: z.string(),
    sequence_number: z.number().nullish(),
    delta: z.unknown().optional(),
    response: response.nullish(),
  }),
  response.transform((whole) => ({ type: 'response', sequence_number: null, delta: null, response: whole })),
  // Anything else is an error, in the format of some gateway.
  z.looseObject({ error: z.unknown().optional() }).transform((body) => ({
    ...{ type: 'error', sequence_number: null, delta: null, response: null },
    error: body.error ?? body,
  })),
])
export type Event = z.output<typeof eventSchema>

/** Reads a piece of text or a fact about the answer; the end is read by `endOf`. */
export function takeEvent({ type, delta }: Event, answer: AnswerBuilder): void {
  if (type === 'response.output_text.delta' && typeof delta === 'string') answer.add(delta)
  else if (type.startsWith('response.refusal.')) answer.isRefused = true
  else if (type.startsWith('response.reasoning')) answer.other ||= 'reasoning'
  else if (/^response\.\w+_call/.test(type)) answer.callTool()
}

/** @returns how the call ended; undefined while it runs. */
export function endOf(
  { status, error, incomplete_details, output, usage, service_tier }: Response,
  answer: AnswerBuilder,
  { provider, rules, now }: ErrorRules,
): CallOutcome | undefined {
  takeUsage(usage, answer)
  const tier = readTier(service_tier)
  if (tier !== undefined) answer.usage = { ...answer.usage, tier }
  switch (status) {
    case 'queued':
    case 'in_progress':
    case 'cancelling':
      return undefined
    case 'cancelled':
      return { kind: 'gone' }
    case 'failed':
      return {
        kind: 'failed',
        error: failedCall(
          { ...readError({ error: error ?? 'it failed' }), provider, usage: answer.usage, now: now() },
          rules,
        ),
      }
    case 'completed':
    case 'incomplete': {
      const parts = (output ?? []).flatMap(({ type, content }) => (type === 'message' ? (content ?? []) : []))
      if (parts.some(({ type }) => type === 'refusal')) answer.isRefused = true
      if (output?.some(({ type }) => /_call$/.test(type))) answer.callTool()
      answer.whole(parts.map(({ type, text }) => (type === 'output_text' ? (text ?? '') : '')).join(''))
      answer.end(status === 'completed' ? 'stop' : (incomplete_details?.reason ?? 'incomplete'))
      return outcomeOf(answer)
    }
    default:
      return {
        kind: 'failed',
        error: badAnswer(provider, `its status is "${String(status).slice(0, 60)}"`, 'counted', answer.usage),
      }
  }
}

const fields = z.looseObject({}).catch({})

function takeUsage(value: unknown, answer: AnswerBuilder): void {
  if (typeof value !== 'object' || value === null) return
  const usage = fields.parse(value)
  answer.usage = {
    inputTokens: readTokens(usage.input_tokens),
    outputTokens: readTokens(usage.output_tokens),
    cachedTokens: readTokens(fields.parse(usage.input_tokens_details).cached_tokens),
    reasoningTokens: readTokens(fields.parse(usage.output_tokens_details).reasoning_tokens),
  }
}
