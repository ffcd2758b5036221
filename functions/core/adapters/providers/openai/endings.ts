import { documentedEndings, type Endings } from '../shared/answer.ts'

const STOP = { kind: 'stop' } as const
const LENGTH = { kind: 'length' } as const
const REFUSED = { kind: 'refused' } as const
const RETRY_COUNTED = { kind: 'bad', retry: 'counted' } as const
/** The model called a tool although none was offered; it would do so again. */
const RETRY_NEVER = { kind: 'bad', retry: 'never' } as const

/** Meanings of `finish_reason`, of OpenAI and compatible servers, in lower case. */
export const OPENAI_ENDINGS: Endings = {
  ...documentedEndings('https://platform.openai.com/docs/api-reference/chat/object', {
    stop: STOP,
    length: LENGTH,
    max_output_tokens: LENGTH,
    content_filter: REFUSED,
    tool_calls: RETRY_NEVER,
    function_call: RETRY_NEVER,
  }),
  ...documentedEndings('https://docs.mistral.ai/api', { model_length: LENGTH }),
  ...documentedEndings('https://huggingface.co/docs/text-generation-inference/reference/api_reference', {
    eos_token: STOP,
    stop_sequence: STOP,
  }),
  ...documentedEndings('https://docs.together.ai/reference/chat-completions-1', { eos: STOP }),
  ...documentedEndings('https://docs.cohere.com/reference/chat', {
    complete: STOP,
    max_tokens: LENGTH,
    error_toxic: REFUSED,
  }),
  // Gateways that pass on the reasons of Anthropic and Bedrock.
  ...documentedEndings('https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons', {
    end_turn: STOP,
    pause_turn: LENGTH,
    model_context_window_exceeded: LENGTH,
    refusal: REFUSED,
    tool_use: RETRY_NEVER,
  }),
  ...documentedEndings(
    'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html',
    {
      guardrail_intervened: REFUSED,
      content_filtered: REFUSED,
    },
  ),
  ...documentedEndings('https://ai.google.dev/api/generate-content#FinishReason', {
    safety: REFUSED,
    recitation: REFUSED,
    blocklist: REFUSED,
    prohibited_content: REFUSED,
    spii: REFUSED,
    image_safety: REFUSED,
    image_prohibited_content: REFUSED,
    image_recitation: REFUSED,
    too_many_tool_calls: RETRY_NEVER,
    malformed_function_call: RETRY_NEVER,
    unexpected_tool_call: RETRY_NEVER,
  }),
  ...documentedEndings('https://cloud.baidu.com/doc/WENXINWORKSHOP/s/Nlks5zkzu', { normal: STOP }),
  ...documentedEndings('https://docs.bigmodel.cn', { sensitive: REFUSED, network_error: RETRY_COUNTED }),
  ...documentedEndings('https://api-docs.deepseek.com/api/create-chat-completion', {
    insufficient_system_resource: RETRY_COUNTED,
  }),
  ...documentedEndings('https://docs.vllm.ai, https://docs.sglang.ai', { abort: RETRY_COUNTED }),
  ...documentedEndings('https://openrouter.ai/docs/api-reference/overview', { error: RETRY_COUNTED }),
}
