/** In what a server that speaks like OpenAI differs from OpenAI. */
import type { ModelRequest } from '../../../ports/model-provider.ts'

export interface Dialect {
  readonly streams: boolean
  readonly hasStreamOptions: boolean
  readonly maxTokensName: 'max_tokens' | 'max_completion_tokens'
  readonly hasTemperature: boolean
  readonly hasSystem: boolean
  readonly hasJsonSchema: boolean
  /** It takes `service_tier`. */
  readonly hasTiers: boolean
}

/** What compatible servers know. OpenAI's own newer models take only the newer name. */
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

/** Said of a name that is not known, and of a value that is wrong: the latter teaches nothing. */
const INVALID = /invalid (parameter|field|argument|role)|not a valid (parameter|argument)/i
const WRONG_VALUE =
  /\b(between|at least|at most|less than|greater than|(in|out of) (the )?range|too (large|small|high|low|long))\b/i

/** Any refusal of it: a model that is not served in a tier is told by no common word. */
export const ABOUT_TIER = /service[ _]tier|\bflex\b|\bpriority (tier|processing)\b/i

/**
 * Reads what a refusal (400, 404, 405, 415, 422, 501) says about the dialect.
 *
 * @returns the dialect to try next, or undefined when the refusal is about something else.
 */
export function learn(
  dialect: Dialect,
  { system, temperature, maxTokens, json, tier }: ModelRequest,
  message: string,
): Dialect | undefined {
  if (tier && dialect.hasTiers && ABOUT_TIER.test(message)) return { ...dialect, hasTiers: false }
  if (!UNSUPPORTED.test(message) && !(INVALID.test(message) && !WRONG_VALUE.test(message))) return undefined
  if (dialect.streams && dialect.hasStreamOptions && /stream_options|include_usage/i.test(message))
    return { ...dialect, hasStreamOptions: false }
  if (maxTokens !== undefined && new RegExp(`\\b${dialect.maxTokensName}\\b`, 'i').test(message))
    return dialect.maxTokensName === 'max_tokens'
      ? // Models that want the newer name are those that reason, and these take no temperature either.
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
