import { Readable } from 'node:stream'
import { ProviderError } from '../../../domain/errors.ts'
import {
  badAnswer,
  type CallFailure,
  type FailureRule,
  failedCall,
} from '../../../domain/provider-failure.ts'
import { headersToRecord, MAX_RECORDED_CHARACTERS } from '../../../domain/recording.ts'
import { isSecret, type Mask, maskOf } from '../../../domain/secret-values.ts'
import type {
  CallOutcome,
  GenerateOptions,
  ModelAnswer,
  ModelProvider,
  ModelRequest,
} from '../../../ports/model-provider.ts'
import { openTextDecoder } from './decode-text.ts'
import { describeCauses, type HttpReply, sendJson } from './post-json.ts'
import { readStart } from './read-body.ts'
import { type ErrorFields, readErrorText } from './read-error.ts'

/** Creates a provider from the function that makes its calls. It throws only `ProviderError` or the signal's reason. */
export function asProvider(
  name: string,
  secrets: readonly string[],
  call: (request: ModelRequest, options: GenerateOptions) => Promise<ModelAnswer>,
  { background, records, tiersOf }: Pick<ModelProvider, 'background' | 'records' | 'tiersOf'> = {},
): ModelProvider {
  const mask = inWords(maskOf(secrets.filter(({ length }) => length >= MIN_CHARACTERS_IN_ERRORS)))
  const maskText = maskOf(secrets.filter(isSecret))
  const guard = async <Answer>(signal: AbortSignal, make: () => Promise<Answer>): Promise<Answer> => {
    signal.throwIfAborted()
    try {
      return await make()
    } catch (error) {
      signal.throwIfAborted()
      throw masked(error instanceof ProviderError ? error : badAnswer(name, describeCauses(error)), mask)
    }
  }
  /** A server may send the received key back, split over pieces of its answer. */
  const hideIn = (options: GenerateOptions): { options: GenerateOptions; end: () => void } => {
    if (!options.onDelta) return { options, end: () => undefined }
    const { add, end } = maskText.pieces(options.onDelta)
    return { options: { ...options, onDelta: add }, end }
  }
  const follow = async (signal: AbortSignal, make: () => Promise<CallOutcome>): Promise<CallOutcome> => {
    const outcome = await guard(signal, make)
    if (outcome.kind === 'gone') return outcome
    return outcome.kind === 'failed'
      ? { ...outcome, error: masked(outcome.error, mask) }
      : { ...outcome, answer: hidden(outcome.answer) }
  }
  const hidden = (answer: ModelAnswer): ModelAnswer => ({ ...answer, text: maskText(answer.text) })
  return {
    name,
    ...(records && { records }),
    ...(tiersOf && { tiersOf }),
    generate: async (request, given) => {
      const { options, end } = hideIn(given)
      const answer = await guard(options.signal, () => call(request, options))
      end()
      return hidden(answer)
    },
    ...(background && {
      background: {
        ...background,
        start: async (request, given) => {
          const { options, end } = hideIn(given)
          const started = await guard(options.signal, () => background.start(request, options))
          return (
            started && { ...started, outcome: () => follow(options.signal, started.outcome).finally(end) }
          )
        },
        attach: (id, given) => {
          const { options, end } = hideIn(given)
          return follow(options.signal, () => background.attach(id, options)).finally(end)
        },
      },
    }),
  }
}

/** In errors, which are one line and not the requested content, even a short key is hidden. */
const MIN_CHARACTERS_IN_ERRORS = 4

/** A shortened text, by a server or by us, contains only the beginning of a secret, followed by one of these. */
const CUT = /(…|\.{2,}|\*{2,}|["'`\s])/
const inWords =
  (mask: Mask) =>
  (text: string): string =>
    mask(text).split(CUT).map(mask).join('')

function masked(error: ProviderError, mask: (text: string) => string): ProviderError {
  const message = mask(error.message)
  if (message === error.message) return error
  const { code, retry, provider, status, usage, retryAfterMs } = error
  return new ProviderError(code, message, retry, provider, {
    usage,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** User and password in a base URL. */
export const secretsOf = (url: URL): string[] =>
  [url.username, url.password].filter((part) => part !== '').map(decodeURIComponent)

export interface ErrorRules {
  readonly provider: string
  readonly rules: readonly FailureRule[]
  readonly now: () => number
  readonly onReply?: GenerateOptions['onReply']
  /** Reads an error body that only this provider sends; undefined for every other one. */
  readonly readError?: (body: unknown) => ErrorFields | undefined
}

/** Posts, and returns an answer with a success status. @throws ProviderError by the provider's table. */
export const post = (
  failing: ErrorRules,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: unknown,
  signal: AbortSignal,
  onHeaders?: GenerateOptions['onHeaders'],
): Promise<HttpReply> =>
  ask(failing, signal, async () => {
    const reply = await sendJson(failing.provider, url, headers, body, signal)
    onHeaders?.(reply.headers)
    return reply
  })

export const get = (
  failing: ErrorRules,
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpReply> =>
  ask(failing, signal, () => sendJson(failing.provider, url, headers, undefined, signal))

async function ask(
  { provider, rules, now, onReply, readError }: ErrorRules,
  signal: AbortSignal,
  send: () => Promise<HttpReply>,
): Promise<HttpReply> {
  const answered = await send()
  const reply = onReply ? recorded(answered, onReply) : answered
  if (reply.status >= 200 && reply.status < 300) return reply
  const { status: inner, ...read } = readErrorText(await readStart(reply.body), readError)
  signal.throwIfAborted()
  const failure: CallFailure = {
    ...read,
    provider,
    status: reply.status || inner,
    headers: { ...read.headers, ...reply.headers },
    now: now(),
  }
  throw failedCall(failure, rules)
}

/** The same answer, recorded while it is read. */
function recorded(reply: HttpReply, onReply: NonNullable<GenerateOptions['onReply']>): HttpReply {
  const { status } = reply
  const body: string[] = []
  onReply({ status, headers: headersToRecord(reply.headers), body })
  const decode = openTextDecoder()
  let held = 0
  const source = reply.body
  async function* copy() {
    try {
      for await (const bytes of source) {
        const text = decode(bytes as Buffer)
        held += text.length
        if (held <= MAX_RECORDED_CHARACTERS) body.push(text)
        yield bytes
      }
    } finally {
      source.destroy()
    }
  }
  return { ...reply, body: Readable.from(copy(), { objectMode: false }) }
}
