import type { FailureRule } from '../../../domain/provider-failure.ts'
import { COMMON_RULES } from '../shared/families.ts'

const SOURCE = 'https://platform.claude.com/docs/en/api/errors'

/** Errors of Anthropic's messages API by type, including those inside a stream. */
export const ANTHROPIC_RULES: readonly FailureRule[] = [
  { word: /^billing_error$/, is: 'provider_quota_exhausted', retry: 'never', source: SOURCE },
  { word: /^request_too_large$/, is: 'context_too_long', retry: 'never', source: SOURCE },
  { word: /^overloaded_error$/, is: 'provider_unavailable', retry: 'counted', source: SOURCE },
  {
    // A monthly limit set by the account's owner, which lasts longer than any task.
    message: /reached your specified (API )?usage limits/i,
    is: 'provider_quota_exhausted',
    retry: 'never',
    source: 'https://platform.claude.com/docs/en/api/rate-limits',
  },
  ...COMMON_RULES,
]
