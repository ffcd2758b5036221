/** Calls that run at the server without a connection: https://platform.openai.com/docs/guides/background */
import { setTimeout as sleep } from 'node:timers/promises'
import { ProviderError } from '../../../domain/errors.ts'
import { badAnswer, failedCall } from '../../../domain/provider-failure.ts'
import type {
  BackgroundCalls,
  CallOutcome,
  GenerateOptions,
  ModelRequest,
  StartedCall,
} from '../../../ports/model-provider.ts'
import { AnswerBuilder } from '../shared/answer.ts'
import { type ErrorRules, get, post } from '../shared/as-provider.ts'
import { parsePiece } from '../shared/parse-piece.ts'
import { type BodyPart, readBody } from '../shared/read-body.ts'
import { readError } from '../shared/read-error.ts'
import { TIER_REFUSAL } from './dialect.ts'
import { OPENAI_ENDINGS } from './endings.ts'
import { type Event, endOf, eventSchema, responseBody, takeEvent } from './responses.ts'

export interface ResponseServer {
  /** URL of `…/responses`. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly failing: ErrorRules
  readonly takes: (model: string) => boolean
  readonly dialect: LearnedServer
  /** Interval between two reads of a call that cannot be streamed. */
  readonly pollMs: number
}

interface LearnedServer {
  readonly hasTemperature: boolean
  readonly hasTiers: boolean
  /** The server supports the Responses API, and runs responses in the background. */
  readonly isKnown: boolean
}

/** What was learned about servers and their models; shared by all invocations of the execution environment. */
const learned = new Map<string, LearnedServer>()
const MAX_LEARNED_MODELS = 1_000

/** How long to wait for the id of a call that was aborted right after its start, in order to cancel it. */
const CALL_ID_WAIT_MS = 4_000
const CANCEL_MS = 5_000
/** Most consecutive connections without a new event. */
const MAX_FAILURES = 3
/** Statuses for a route or a field that a server does not know. */
const REFUSALS: readonly number[] = [400, 404, 405, 415, 422, 501]
const ROUTE_REFUSALS: readonly number[] = [404, 405, 501]

export function openBackground(server: ResponseServer): BackgroundCalls {
  const { failing, pollMs } = server
  const { provider } = failing
  const place = (model: string) => `${server.url.href} ${model}`
  const dialectOf = (model: string) => learned.get(place(model)) ?? server.dialect
  const addressOf = (id: string, tail = '') => {
    const url = new URL(server.url)
    url.pathname += `/${encodeURIComponent(id)}${tail}`
    return url
  }
  const recording = ({ onReply }: GenerateOptions): ErrorRules => ({
    ...failing,
    ...(onReply ? { onReply } : {}),
  })
  const headersOf = ({ traceparent }: Pick<GenerateOptions, 'traceparent'>) => ({
    ...server.headers,
    ...(traceparent === undefined ? {} : { traceparent }),
  })

  /** @returns undefined when the server refused a field that only background calls have. */
  const begin = async (request: ModelRequest, options: GenerateOptions, signal: AbortSignal) => {
    const { model } = request
    const dialect = dialectOf(model)
    const call = (spoken: LearnedServer) =>
      post(
        recording(options),
        server.url,
        headersOf(options),
        responseBody(request, spoken),
        signal,
        options.onHeaders,
      )
    const note = (found: LearnedServer) => {
      if (learned.size >= MAX_LEARNED_MODELS) learned.clear()
      learned.set(place(model), found)
    }
    try {
      return await call(dialect)
    } catch (error) {
      if (!isRefusal(error)) throw error
      const better = learn(dialect, request, error.message)
      if (better) {
        note(better)
        return await call(better)
      }
      if (!ROUTE_REFUSALS.includes(error.status ?? 0) && !BACKGROUND_WORDS.test(error.message)) throw error
      note({ ...dialect, isKnown: false })
      return undefined
    }
  }

  /** Follows a call to its end, by its stream if possible. */
  const follow = async (
    id: string,
    events: AsyncIterable<Event> | undefined,
    answer: AnswerBuilder,
    options: GenerateOptions,
  ): Promise<CallOutcome> => {
    const { signal } = options
    let next = events
    let last = -1
    let hasStream = true
    for (let failures = 0; ; ) {
      try {
        next ??= await open(id, hasStream ? last : undefined, options)
        for await (const event of next) {
          signal.throwIfAborted()
          const number = event.sequence_number
          if (typeof number === 'number') {
            // The server sent this event again.
            if (number <= last) continue
            last = number
          }
          failures = 0
          // The call may still run; its state tells.
          if (event.type === 'error') {
            hasStream = false
            break
          }
          takeEvent(event, answer)
          const end = event.response && endOf(event.response, answer, failing)
          if (end) return end
          if (event.type === 'response') hasStream = false
        }
        if (hasStream) failures += 1
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof ProviderError)) throw error
        if (error.code === 'result_too_large') throw error
        if (error.status === 404) return { kind: 'gone' }
        const isForbidden = error.status === 401 || error.status === 403
        // A stream is kept for five minutes, a response longer.
        if (hasStream && error.retry === 'never' && !isForbidden) hasStream = false
        else if (error.retry === 'never' || (!hasStream && failures >= MAX_FAILURES)) throw error
        else failures += 1
      }
      // The stream always breaks; read only the state from now on.
      if (hasStream && failures >= MAX_FAILURES) {
        hasStream = false
        failures = 0
      }
      next = undefined
      await sleep(failures > 0 ? pollMs / 2 : pollMs, undefined, { signal }).catch(() =>
        signal.throwIfAborted(),
      )
    }
  }

  /** @param after number of the last received event; undefined reads only the state. */
  const open = async (
    id: string,
    after: number | undefined,
    options: GenerateOptions,
  ): Promise<AsyncIterable<Event>> => {
    const url = addressOf(id)
    if (after !== undefined) url.searchParams.set('stream', 'true')
    if (after !== undefined && after >= 0) url.searchParams.set('starting_after', String(after))
    const reply = await get(recording(options), url, headersOf(options), options.signal)
    return readEvents(provider, readBody(provider, reply.body))
  }

  return {
    takes: ({ model, stop }) => stop === undefined && server.takes(model) && dialectOf(model).isKnown,

    async start(request, options): Promise<StartedCall | undefined> {
      const { signal } = options
      const connection = new AbortController()
      const hangUp = () => connection.abort(signal.reason)
      // Not at once, because a call without an id cannot be cancelled.
      const hangUpLate = () => setTimeout(hangUp, CALL_ID_WAIT_MS).unref()
      signal.addEventListener('abort', hangUpLate, { once: true })
      try {
        const reply = await begin(request, options, connection.signal)
        if (!reply) return undefined
        const parts = readBody(provider, reply.body)
        const answer = new AnswerBuilder(provider, OPENAI_ENDINGS, options.onDelta)
        const first = await parts.next()
        if (first.done) throw badAnswer(provider, 'it is empty')
        const event = parsePiece(eventSchema, first.value.data, provider)
        if (!event.response) {
          connection.abort()
          throw failedCall({ ...readError(event), provider, now: failing.now() }, failing.rules)
        }
        const { id } = event.response
        if (signal.aborted) hangUp()
        signal.addEventListener('abort', hangUp, { once: true })
        return { id, outcome: () => follow(id, readEvents(provider, parts, event), answer, options) }
      } finally {
        signal.removeEventListener('abort', hangUpLate)
      }
    },

    attach: (id, options) =>
      follow(id, undefined, new AnswerBuilder(provider, OPENAI_ENDINGS, options.onDelta), options),

    async cancel(id) {
      const signal = AbortSignal.timeout(CANCEL_MS)
      const reply = await post(failing, addressOf(id, '/cancel'), headersOf({}), {}, signal).catch(
        () => undefined,
      )
      reply?.body.destroy()
    },
  }
}

function learn(
  dialect: LearnedServer,
  { temperature, tier }: ModelRequest,
  message: string,
): LearnedServer | undefined {
  if (temperature !== undefined && dialect.hasTemperature && /temperature/i.test(message))
    return { ...dialect, hasTemperature: false }
  return tier && dialect.hasTiers && TIER_REFUSAL.test(message) ? { ...dialect, hasTiers: false } : undefined
}

const BACKGROUND_WORDS = /background|\bstore\b|\bresponses\b|unknown (url|path|route|endpoint)/i

const isRefusal = (error: unknown): error is ProviderError =>
  error instanceof ProviderError &&
  error.code === 'provider_rejected' &&
  error.status !== undefined &&
  REFUSALS.includes(error.status)

async function* readEvents(
  provider: string,
  parts: AsyncIterable<BodyPart>,
  first?: Event,
): AsyncGenerator<Event> {
  if (first) yield first
  for await (const { data } of parts) {
    if (data.trim() === '[DONE]') return
    yield parsePiece(eventSchema, data, provider)
  }
}
