/**
 * Rules for all servers compatible with OpenAI, in order: permanent failures first, then temporary ones. They match the
 * providers' error codes; messages are used where a server sends no code, or the same code for two cases.
 */
import type { FailureRule } from '../../../domain/provider-failure.ts'

const OPENAI = 'https://platform.openai.com/docs/guides/error-codes'

export const COMMON_RULES: readonly FailureRule[] = [
  {
    word: /^(insufficient_quota|exceeded_current_quota_error|billing_hard_limit_reached|billing_not_active|insufficient_(balance|credits?|funds)|access_terminated|account_deactivated|arrearage|accountoverdueerror|setlimitexceeded|allocationquota\.freetieronly|budget_exceeded|insufficient_user_quota|pre_consume_token_quota_failed|not_enough_balance|payment_required|1113)$/i,
    is: 'provider_quota_exhausted',
    retry: 'never',
    source: `${OPENAI}, https://www.volcengine.com/docs/82379/1299023, https://docs.litellm.ai/docs/proxy/users, https://github.com/songquanpeng/one-api/issues/1270, https://ai.google.dev/gemini-api/docs/api-errors, https://docs.bigmodel.cn/cn/api/api-code`,
  },
  {
    // Google uses the same message for a quota per minute, but then states a wait.
    message: /exceeded your current quota/i,
    hasWait: true,
    is: 'provider_rate_limited',
    retry: 'counted',
    source: 'https://ai.google.dev/gemini-api/docs/rate-limits',
  },
  {
    message:
      /exceeded your current quota|insufficient[_ ](quota|balance|credits?|funds)|balance is insufficient|credit balance is too low|out of credits|requires more credits|not enough credits|(doesn't|does not) have any credits|used all available credits|spending limit|account.{0,60} suspended|out of call volume quota|billing hard limit|payment required|arrearage|account.{0,30}overdue|budget has been exceeded|not enough balance|quota is not enough|余额不足|欠费|额度(不足|已用尽|已用完)/i,
    is: 'provider_quota_exhausted',
    retry: 'never',
    source:
      'https://api-docs.deepseek.com/quick_start/error_codes, https://openrouter.ai/docs/api-reference/errors, https://github.com/QuantumNous/new-api/issues/7448',
  },
  {
    // A limit per session of hours, week or month, or one set by the owner: it lasts longer than the task.
    message:
      /(session|weekly|monthly) (usage|spend(ing)?|token|request) limit|limited to .{0,40}(\/|per) ?month|reached the set \w+ limit|(free tier|free quota|trial).{0,60}(exhausted|used up|expired)|monthly included credits|每周\/每月使用上限|extra usage is required|out of extra usage/i,
    is: 'provider_quota_exhausted',
    retry: 'never',
    source:
      'https://docs.ollama.com/cloud, https://docs.cohere.com/docs/rate-limits, https://www.volcengine.com/docs/82379/1299023, https://github.com/anthropics/claude-code/issues/42616, https://docs.bigmodel.cn/cn/api/api-code, https://huggingface.co/docs/inference-providers/pricing',
  },
  {
    // One request exceeds the whole limit per minute, so it can never succeed.
    message:
      /request (body )?too large|reduce (your|the) (message|prompt|request|input|length of)|tokens must be reduced/i,
    is: 'context_too_long',
    retry: 'never',
    source: 'https://console.groq.com/docs/errors',
  },
  {
    word: /^(context_length_exceeded|string_above_max_length|context_window_exceeded|exceed_context_size_error|request_too_large|tokens_limit_reached)$/i,
    is: 'context_too_long',
    retry: 'never',
    source: OPENAI,
  },
  {
    message:
      /context[ _](length|window|size)|maximum (context|model) length|max(imum)? (allowed )?(input|prompt) (tokens|length)|(prompt|input) is too long|input (token count|length).{0,60}exceed|exceeds? the (available |model'?s? )?(context|max(imum)? (allowed |number of |input |prompt )*(length|tokens|sequence))|(prompt|input) is too large|model token limit|exceeds the model limit|maximum supported sequence length|range of input length|must have less than \d+ tokens|total number of tokens.{0,60}(cannot|must not) exceed|only supports up to \d+|(prompt|输入|上下文|tokens?).{0,20}(超长|过长|超过|超出)|tokens?\W{1,9}\+\W{1,9}\w+\W{1,9}must be <=/i,
    is: 'context_too_long',
    retry: 'never',
    source:
      'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md, https://github.com/MoonshotAI/kimi-cli/issues/2011, https://github.com/QwenLM/qwen-code/issues/98, https://github.com/cline/cline/issues/294, https://github.com/charmbracelet/crush/issues/946',
  },
  {
    word: /^(content_filter(ed)?|content_policy_violation|moderation(_blocked)?|responsible_?ai_?policy_?violation|data_?inspection_?failed|\w*sensitive_?content_?detected|prohibited_content|content_blocked|safety|1301)$/i,
    is: 'content_refused',
    retry: 'never',
    source:
      'https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter, https://ai.google.dev/gemini-api/docs/api-errors',
  },
  {
    message:
      /content (management |usage )?polic|content filter|was flagged|flagged (by|for|as)|input moderation|moderation|safety (system|filter|settings)|inappropriate content|responsible ai|content exists risk|violates usage guidelines|guardrails? (checks?|polic|intervened|blocked)|violated guardrail|failed check: safety|content (you provided|is|was) .{0,40}blocked|敏感内容/i,
    is: 'content_refused',
    retry: 'never',
    source:
      'https://openrouter.ai/docs/api-reference/errors, https://github.com/deepseek-ai/awesome-deepseek-integration/issues/13, https://github.com/UKGovernmentBEIS/inspect_ai/pull/2267, https://platform.stepfun.com/docs/zh/api-reference/error-codes, https://portkey.ai/docs/product/guardrails, https://docs.litellm.ai/docs/proxy/guardrails/quick_start',
  },
  {
    word: /^(invalid_api_key|authentication_error|invalid_authentication|permission_error|permission_denied|unauthenticated|account_disabled|api_key_invalid|access_denied|unauthorized|authentication)$/i,
    is: 'provider_unauthorized',
    retry: 'never',
    source: `${OPENAI}, https://ai.google.dev/gemini-api/docs/api-errors`,
  },
  {
    message:
      /(invalid|incorrect|missing|expired|wrong|no|disabled|bad) (\w+ )?api[ -_]?key|api[ -_]?key (is |was )?(not valid|invalid|missing|expired|not found|incorrect)|invalid (authentication|credentials|token)|authentication (failed|fails)|no auth credentials|user not found|login fail|(organi[sz]ation|account|team|project|workspace) (has been|is|was) (disabled|restricted|deactivated|terminated|banned)/i,
    is: 'provider_unauthorized',
    retry: 'never',
    source:
      'https://ai.google.dev/gemini-api/docs/troubleshooting, https://github.com/anthropics/claude-code/issues/8327',
  },
  {
    word: /^(model_not_found|model_not_available|unknown_model|unavailable_model|modelnotopen|deploymentnotfound|invalid_model|not_found_error)$/i,
    is: 'model_not_found',
    retry: 'never',
    source: OPENAI,
  },
  {
    message:
      /not a valid model|model identifier is invalid|\bmodels?\b.{0,120}(not found|does not exist|doesn't exist|not exist|no longer (exists|available)|decommissioned|not a valid|is unknown|isn't loaded|not supported for)|(no such|unknown|invalid|unsupported) model|unable to access .{0,20}model|not activated the model|no endpoints found|deployment .{0,60}does not exist|model_not_found|模型.{0,30}不存在|无可用渠道/i,
    is: 'model_not_found',
    retry: 'never',
    source:
      'https://docs.ollama.com/api/errors, https://console.groq.com/docs/deprecations, https://docs.together.ai/docs/error-codes, https://docs.bigmodel.cn/cn/api/api-code, https://github.com/QuantumNous/new-api',
  },
  {
    // The model wrote invalid JSON; another attempt may succeed. https://console.groq.com/docs/structured-outputs
    word: /^(json_validate_failed|tool_use_failed)$/i,
    is: 'provider_bad_answer',
    retry: 'counted',
    source: 'https://console.groq.com/docs/errors',
  },
  {
    word: /^(rate_?limit(ed|_error|_exceeded|_reached(_error)?|exceeded)?|requests|tokens|too_many_requests|resource_exhausted|throttl[\w.]*|capacity_exceeded|ratelimitreached|resource_unavailable|quota_exceeded)$/i,
    is: 'provider_rate_limited',
    retry: 'counted',
    source:
      'https://platform.openai.com/docs/guides/rate-limits, https://developers.openai.com/api/docs/guides/flex-processing, https://ai.google.dev/gemini-api/docs/api-errors',
  },
  {
    message:
      /rate[ -]?limit|too many (concurrent )?requests|throttl|tokens per (min|day)|requests per (min|sec|day)|(daily|hourly) .{0,20}limit|slow down|速率限制|访问量过大|请求过(多|于频繁)|流量限制/i,
    is: 'provider_rate_limited',
    retry: 'counted',
    source: 'https://docs.litellm.ai/docs/exception_mapping, https://docs.bigmodel.cn/cn/api/api-code',
  },
  {
    word: /^(overloaded(_error)?|generation|incomplete_generation|server_(error|busy|overloaded)|api_error|internal(_server)?(_error)?|service_unavailable|unavailable|engine_overloaded|internalservererror)$/i,
    is: 'provider_unavailable',
    retry: 'counted',
    source: `${OPENAI}, https://huggingface.co/docs/text-generation-inference/reference/api_reference`,
  },
  {
    message:
      /overloaded|server (is )?(currently )?busy|service (is )?(temporarily )?unavailable|temporarily unavailable|(model|process|runner|engine) has (crashed|terminated)|(model|engine) is (currently |still )?loading|loading model|try again later|(at|over|no) capacity|capacity (temporarily )?exceeded|out of memory|internal (server )?error|upstream (error|connect)|bad gateway|负载已饱和|服务繁忙/i,
    is: 'provider_unavailable',
    retry: 'counted',
    source:
      'https://huggingface.co/docs/text-generation-inference/reference/api_reference, https://github.com/QuantumNous/new-api',
  },
  {
    word: /^(timeout(_error)?|deadline_exceeded|request_timeout)$/i,
    is: 'provider_timeout',
    retry: 'counted',
    source: 'https://ai.google.dev/gemini-api/docs/troubleshooting',
  },
  {
    word: /^(invalid_request_error|invalid_argument|bad_request|badrequesterror|unprocessable_entity|validation(_error)?|failed_precondition)$/i,
    // LiteLLM also uses it for its own 408.
    isAmbiguous: true,
    is: 'provider_rejected',
    retry: 'never',
    source: OPENAI,
  },
]
