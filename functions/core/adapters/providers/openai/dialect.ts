/** Differences between OpenAI and compatible servers. */
import type { ModelRequest } from '../../../ports/model-provider.ts'

export interface Dialect {
  readonly streams: boolean
  readonly hasStreamOptions: boolean
  readonly maxTokensName: 'max_tokens' | 'max_completion_tokens'
  readonly hasTemperature: boolean
  readonly hasSystem: boolean
  readonly hasJsonSchema: boolean
  /** The server accepts `service_tier`. */
  readonly hasTiers: boolean
}

/** The first assumption about a server. OpenAI's newer models accept only the newer field name. */
export const firstDialect = (isOpenai: boolean): Dialect => ({
  streams: true,
  hasStreamOptions: true,
  maxTokensName: isOpenai ? 'max_completion_tokens' : 'max_tokens',
  hasTemperature: true,
  hasSystem: true,
  hasJsonSchema: true,
  hasTiers: true,
})

const UNSUPPORTED =
  /unsupported|not (support|permitted|allowed|available|implemented|recogni[sz]ed|accept|valid for|enabled|one of)|n't (support|allow|accept)|additional propert|extra_forbidden|不支持|unrecogni[sz]ed|unknown|unexpected|extra (inputs|fields|keys)|only the default|only .{1,40} (is|are) (allowed|supported)|unavailable|disabled|is fixed|deprecated|not a valid field|must (be (null|true|false|1\b|'json_object'|one of|verified to stream)|alternate)|can(not|'t| only)|instead|no such/i

/** Used for unknown fields and for wrong values; a wrong value says nothing about the dialect. */
const INVALID = /invalid (parameter|field|argument|role)|not a valid (parameter|argument)/i
const WRONG_VALUE =
  /\b(between|at least|at most|less than|greater than|(in|out of) (the )?range|too (large|small|high|low|long))\b/i

/** Any refusal of a tier: there is no common message for a model that is not offered in a tier. */
export const TIER_REFUSAL = /service[ _]tier|\bflex\b|\bpriority (tier|processing)\b/i

/**
 * Reads from a refusal (400, 404, 405, 415, 422, 501) how the dialect differs.
 *
 * @returns the dialect to try next, or undefined when the refusal has another reason.
 */
export function learnDialect(
  dialect: Dialect,
  { system, temperature, maxTokens, json, tier }: ModelRequest,
  message: string,
): Dialect | undefined {
  if (tier && dialect.hasTiers && TIER_REFUSAL.test(message)) return { ...dialect, hasTiers: false }
  if (!UNSUPPORTED.test(message) && !(INVALID.test(message) && !WRONG_VALUE.test(message))) return undefined
  if (dialect.streams && dialect.hasStreamOptions && /stream_options|include_usage/i.test(message))
    return { ...dialect, hasStreamOptions: false }
  if (maxTokens !== undefined && new RegExp(`\\b${dialect.maxTokensName}\\b`, 'i').test(message))
    return dialect.maxTokensName === 'max_tokens'
      ? // Models that need the newer name are reasoning models, which accept no temperature either.
        { ...dialect, maxTokensName: 'max_completion_tokens', hasTemperature: false }
      : { ...dialect, maxTokensName: 'max_tokens' }
  if (temperature !== undefined && dialect.hasTemperature && /temperature/i.test(message))
    return { ...dialect, hasTemperature: false }
  if (json && dialect.hasJsonSchema && /response_format|json_schema|structured|guided/i.test(message))
    return { ...dialect, hasJsonSchema: false }
  if (
    system !== undefined &&
    dialect.hasSystem &&
    /\b(system|developer)\b|roles? must alternate|only user and assistant/i.test(message)
  )
    return { ...dialect, hasSystem: false }
  if (dialect.streams && /\bstream(ing|ed)?\b/i.test(message)) return { ...dialect, streams: false }
  return undefined
}
