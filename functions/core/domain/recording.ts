/** The model requests and answers of an attempt, stored so that changed code can be run against the same answers. */
import type { ProviderName } from '../../contract/providers.ts'

export interface RecordedReply {
  readonly status: number
  /** Only headers that affect how the body is read, or the wait before a retry. */
  readonly headers: Readonly<Record<string, string>>
  /** The raw body, in pieces that are appended while it is read. */
  readonly body: string[]
}

/** One model call of the task's code. It has several replies when the first was an error from which the dialect was learned. */
export interface RecordedCall {
  /** Hash of the request, by which a later run finds this call. */
  readonly asked: string
  readonly speaks: ProviderName
  readonly provider: string
  /** The call ran in the background: its replies are of OpenAI's Responses API. */
  readonly isBackground?: true
  readonly replies: RecordedReply[]
}

export interface Recording {
  readonly v: 1
  readonly id: string
  readonly epoch: number
  readonly attempt: number
  readonly type: string
  readonly model: string
  readonly input: unknown
  readonly calls: readonly RecordedCall[]
  readonly outcome: RecordedOutcome
}

export type RecordedOutcome = { readonly result: unknown } | { readonly code: string }

const KEPT_HEADERS = /^content-type$|^retry-after|^x-should-retry$|ratelimit/
/** A longer answer is not recorded: a shortened one would be read as a truncated answer. */
export const MAX_RECORDED_CHARACTERS = 1_000_000

export const headersToRecord = (
  headers: Readonly<Record<string, string | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && KEPT_HEADERS.test(entry[0]),
    ),
  )

/** The fields of a request that affect its answer. */
interface AnswerInputs {
  readonly model: string
  readonly messages: unknown
  readonly system?: string | undefined
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
  readonly stop?: readonly string[] | undefined
  readonly json?: unknown
}

/** A request as text; the same for equal requests, whatever the order of their fields. */
export const canonicalRequest = (asked: AnswerInputs): string => {
  const { model, messages, system, temperature, maxTokens, stop, json } = asked
  return JSON.stringify([model, messages, system, temperature, maxTokens, stop, json])
}

/** Identifies a recorded call. Without `maxTokens`, which may come from the tenant's budget. */
export const recordingKeyOf = (asked: AnswerInputs): string =>
  canonicalRequest({ ...asked, maxTokens: undefined })
