import type { FailureRule } from '../../../domain/provider-failure.ts'
import { COMMON_RULES } from '../shared/families.ts'

/** Errors of OpenAI and of servers that speak like it. */
export const OPENAI_RULES: readonly FailureRule[] = [
  {
    // Groq's flex tier has no room just now.
    status: [498],
    is: 'provider_rate_limited',
    retry: 'counted',
    source: 'https://console.groq.com/docs/errors',
  },
  ...COMMON_RULES,
]
