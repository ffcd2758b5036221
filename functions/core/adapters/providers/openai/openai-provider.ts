import { PROVIDER_ROWS, PROVIDERS } from '../../../../contract/providers.ts'
import { ProviderError } from '../../../domain/errors.ts'
import { matchesModel } from '../../../domain/model-routes.ts'
import { PRICE_TIERS, type PriceTier } from '../../../domain/price-tier.ts'
import { priceOf } from '../../../domain/prices.ts'
import type {
  GenerateOptions,
  ModelAnswer,
  ModelProvider,
  ModelRequest,
} from '../../../ports/model-provider.ts'
import { AnswerBuilder, collectAnswer } from '../shared/answer.ts'
import { asProvider, post, secretsOf } from '../shared/as-provider.ts'
import type { OpenProvider } from '../shared/open-provider.ts'
import { readBody } from '../shared/read-body.ts'
import { openBackground } from './background.ts'
import { requestBody, takePart } from './chat.ts'
import { type Dialect, firstDialect, learnDialect } from './dialect.ts'
import { OPENAI_ENDINGS } from './endings.ts'
import { OPENAI_RULES } from './failures.ts'

const OPENAI = 'https://api.openai.com/v1'
/** Azure requires a version; this one is generally available. */
const AZURE_VERSION = '2024-10-21'

export interface OpenaiServer {
  /** Name in usage, circuits and errors. */
  readonly name: string
  /** Left out for OpenAI itself. */
  readonly baseUrl?: string | undefined
  /** Left out for a server without keys. */
  readonly key?: string | undefined
  /** The known part of its dialect; the rest is learned. */
  readonly dialect?: Partial<Dialect> | undefined
  /** Models, or prefixes ending in `*`, whose calls run in the background. */
  readonly background?: readonly string[] | undefined
  readonly isRecorded?: boolean | undefined
  readonly pollMs?: number | undefined
}

const POLL_MS = 2_000

/** What was learned about servers and their models; shared by all invocations of the execution environment. */
const learned = new Map<string, Dialect>()
/** More models than any stage has. Limited, because callers can invent names. */
const MAX_LEARNED_MODELS = 1_000

/** OpenAI and every server with the same chat completions. */
export function createOpenaiProvider(server: OpenaiServer, now: () => number): ModelProvider {
  const { name, key, baseUrl = OPENAI } = server
  const base = new URL(baseUrl)
  const failing = { provider: name, rules: OPENAI_RULES, now }

  const call = async (request: ModelRequest, dialect: Dialect, options: GenerateOptions) => {
    const { signal, onDelta, onHeaders, onReply, traceparent } = options
    const headers = { ...authorization(base, key), ...(traceparent === undefined ? {} : { traceparent }) }
    const url = addressOf(base, request.model)
    const reply = await post(
      { ...failing, ...(onReply ? { onReply } : {}) },
      url,
      headers,
      requestBody(request, dialect),
      signal,
      onHeaders,
    )
    const answer = new AnswerBuilder(name, OPENAI_ENDINGS, onDelta)
    return collectAnswer(readBody(name, reply.body), answer, signal, (part) =>
      takePart(part, answer, failing),
    )
  }

  const { background = [], pollMs = POLL_MS } = server
  const calls =
    background.length > 0
      ? openBackground({
          url: responsesAddressOf(base),
          headers: authorization(base, key),
          failing,
          takes: (model) => matchesModel(background, model),
          dialect: {
            hasTemperature: server.dialect?.hasTemperature ?? true,
            hasTiers: server.dialect?.hasTiers ?? true,
            isKnown: true,
          },
          pollMs,
        })
      : undefined

  const generate = async (request: ModelRequest, options: GenerateOptions) => {
    const place = `${base.href} ${request.model}`
    const dialect = learned.get(place) ?? { ...firstDialect(baseUrl === OPENAI), ...server.dialect }
    const next = (error: unknown): Dialect | undefined => {
      const better =
        error instanceof ProviderError && isRefusal(error) && learnDialect(dialect, request, error.message)
      if (!better) return undefined
      if (learned.size >= MAX_LEARNED_MODELS) learned.clear()
      learned.set(place, better)
      return better
    }
    try {
      return await call(request, dialect, options)
    } catch (error) {
      const better = next(error)
      if (!better) throw error
      return await callOnceMore(
        () => call(request, better, options),
        request,
        better,
        (found) => learned.set(place, found),
      )
    }
  }
  const offered = PROVIDERS.find((provider) => provider === name)
  // OpenAI, directly or through a gateway; for other servers the stage's settings must say so.
  const tiersOf = (model: string): readonly PriceTier[] =>
    server.dialect?.hasTiers || (offered && PROVIDER_ROWS[offered].hasTiers)
      ? PRICE_TIERS.filter((tier) => server.dialect?.hasTiers || priceOf(model)?.tiers?.[tier])
      : []
  return asProvider(name, [...(key ? [key] : []), ...secretsOf(base)], generate, {
    tiersOf,
    ...(calls && { background: calls }),
    ...(server.isRecorded ? { records: 'openai' as const } : {}),
  })
}

export const openProvider: OpenProvider = (server, clock) => createOpenaiProvider(server, clock.now)

/** The one allowed second call. What its refusal shows is used by the next attempt, which can then succeed. */
async function callOnceMore(
  call: () => Promise<ModelAnswer>,
  request: ModelRequest,
  dialect: Dialect,
  note: (dialect: Dialect) => void,
): Promise<ModelAnswer> {
  try {
    return await call()
  } catch (error) {
    const better =
      error instanceof ProviderError && isRefusal(error) && learnDialect(dialect, request, error.message)
    if (!better) throw error
    note(better)
    throw new ProviderError(error.code, error.message, 'counted', error.provider, {
      status: error.status ?? 400,
    })
  }
}

const isRefusal = ({ code, status, retry }: ProviderError): boolean =>
  code === 'provider_rejected' &&
  retry === 'never' &&
  status !== undefined &&
  [400, 404, 405, 415, 422, 501].includes(status)

const isAzure = ({ hostname }: URL): boolean =>
  /\.(openai\.azure|cognitiveservices\.azure|services\.ai\.azure)\.(com|us|cn)$/.test(hostname)

function authorization(base: URL, key: string | undefined): Record<string, string> {
  if (key && isAzure(base)) return { 'api-key': key }
  if (key) return { authorization: `Bearer ${key}` }
  const [user, password] = [base.username, base.password].map(decodeURIComponent)
  return user || password
    ? { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
    : {}
}

/** Azure has the Responses API only at its address without a version. */
function responsesAddressOf(base: URL): URL {
  const url = new URL(base)
  url.username = ''
  url.password = ''
  const path = url.pathname.replace(/\/+$/, '')
  const root = isAzure(base) ? `${path.replace(/\/openai(\/.*)?$/, '')}/openai/v1` : path
  url.pathname = `${root}/responses`
  return url
}

/** https://learn.microsoft.com/azure/ai-foundry/openai/reference: each deployment has its own address, unless the base is `/openai/v1`. */
export function addressOf(base: URL, model: string): URL {
  const url = new URL(base)
  url.username = ''
  url.password = ''
  const path = url.pathname.replace(/\/+$/, '')
  if (!isAzure(base) || /\/v1$/.test(path)) {
    url.pathname = `${path}/chat/completions`
    return url
  }
  const root = path.replace(/\/openai(\/deployments(\/[^/]+)?)?$/, '')
  const deployment = /\/deployments\/([^/]+)$/.exec(path)?.[1] ?? encodeURIComponent(model)
  url.pathname = `${root}/openai/deployments/${deployment}/chat/completions`
  if (!url.searchParams.has('api-version')) url.searchParams.set('api-version', AZURE_VERSION)
  return url
}
