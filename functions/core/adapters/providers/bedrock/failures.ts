import type { FailureRule } from '../../../domain/provider-failure.ts'
import { COMMON_RULES } from '../shared/families.ts'

const SOURCE =
  'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors'
const COMMON_ERRORS = 'https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html'

/** Exceptions of Bedrock by name, whatever their status, before a stream or inside it. */
export const BEDROCK_RULES: readonly FailureRule[] = [
  {
    word: /^(Throttling\w*|TooManyRequestsException)$/,
    is: 'provider_rate_limited',
    retry: 'counted',
    source: SOURCE,
  },
  { word: /^ServiceQuotaExceededException$/, is: 'provider_quota_exhausted', retry: 'never', source: SOURCE },
  {
    word: /^(ModelNotReadyException|ModelErrorException|[mM]odelStreamErrorException|[iI]nternalServerException|[sS]erviceUnavailableException|InternalFailure|ServiceUnavailable)$/,
    is: 'provider_unavailable',
    retry: 'counted',
    source: SOURCE,
  },
  {
    word: /^(ModelTimeoutException|RequestTimeout\w*)$/,
    is: 'provider_timeout',
    retry: 'counted',
    source: SOURCE,
  },
  // The next call renews the function's own credentials.
  {
    word: /^(ExpiredToken\w*|RequestExpired)$/,
    is: 'provider_unauthorized',
    retry: 'counted',
    source: COMMON_ERRORS,
  },
  {
    word: /^(AccessDenied\w*|UnrecognizedClientException|InvalidSignatureException|InvalidClientTokenId|MissingAuthenticationToken\w*|NotAuthorized|OptInRequired)$/,
    is: 'provider_unauthorized',
    retry: 'never',
    source: COMMON_ERRORS,
  },
  { word: /^ResourceNotFoundException$/, is: 'model_not_found', retry: 'never', source: SOURCE },
  {
    // Some models report throttling by a ValidationException.
    word: /^[vV]alidationException$/,
    message: /too many (requests|tokens), please wait|rate exceeded|throttl/i,
    is: 'provider_rate_limited',
    retry: 'counted',
    source: 'https://repost.aws/knowledge-center/bedrock-throttling-error',
  },
  {
    message: /model identifier is invalid|on-demand throughput isn.t supported|model access/i,
    is: 'model_not_found',
    retry: 'never',
    source: 'https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html',
  },
  ...COMMON_RULES,
  { word: /^[vV]alidationException$/, is: 'provider_rejected', retry: 'never', source: SOURCE },
]
