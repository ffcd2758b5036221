import type { FailureRule } from '../../../domain/provider-failure.ts'
import { COMMON_RULES } from '../shared/families.ts'

const MINIMAX = 'https://platform.minimax.io/docs/api-reference/errorcode'
const BIGMODEL = 'https://docs.bigmodel.cn/cn/api/api-code'
const RESPONSES = 'https://developers.openai.com/api/reference/resources/responses'

/** Errors of OpenAI and compatible servers. */
export const OPENAI_RULES: readonly FailureRule[] = [
  {
    // Codes of a failed background response.
    word: /^(bio_policy|cyber_policy|image_content_policy_violation)$/,
    is: 'content_refused',
    retry: 'never',
    source: RESPONSES,
  },
  {
    // Groq's flex tier has no capacity at the moment.
    status: [498],
    is: 'provider_rate_limited',
    retry: 'counted',
    source: 'https://console.groq.com/docs/errors',
  },
  { word: /^base_resp_(1004|2049)$/, is: 'provider_unauthorized', retry: 'never', source: MINIMAX },
  { word: /^base_resp_1008$/, is: 'provider_quota_exhausted', retry: 'never', source: MINIMAX },
  { word: /^base_resp_(1026|1027)$/, is: 'content_refused', retry: 'never', source: MINIMAX },
  { word: /^base_resp_1039$/, is: 'context_too_long', retry: 'never', source: MINIMAX },
  { word: /^base_resp_2013$/, is: 'provider_rejected', retry: 'never', source: MINIMAX },
  { word: /^base_resp_1002$/, is: 'provider_rate_limited', retry: 'counted', source: MINIMAX },
  {
    word: /^(100[0-4]|111[0-2]|1121)$/,
    message: /身份验证|账户|账号|authentication|account/i,
    is: 'provider_unauthorized',
    retry: 'never',
    source: BIGMODEL,
  },
  { word: /^(1309|1310)$/, is: 'provider_quota_exhausted', retry: 'never', source: BIGMODEL },
  { word: /^1211$/, is: 'model_not_found', retry: 'never', source: BIGMODEL },
  { word: /^1261$/, is: 'context_too_long', retry: 'never', source: BIGMODEL },
  { word: /^(130[2-5]|1308|1312)$/, is: 'provider_rate_limited', retry: 'counted', source: BIGMODEL },
  ...COMMON_RULES,
  {
    word: /^(invalid_prompt|data_residency_mismatch|(invalid|empty|unsupported)_\w*image\w*|image_\w+|failed_to_download_image|unsupported_image_media_type)$/,
    is: 'provider_rejected',
    retry: 'never',
    source: RESPONSES,
  },
]
