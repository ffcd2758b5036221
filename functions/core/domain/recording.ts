/** What an attempt asked and was answered, kept so that the code of another day can be run against the same answers. */
import type { ProviderName } from '../../contract/providers.ts'

export interface RecordedReply {
  readonly status: number
  /** Those that say how to read it, or when to come back. */
  readonly headers: Readonly<Record<string, string>>
  /** As it came, in pieces that are added while it is read. */
  readonly body: string[]
}

/** One call of the task's code; its replies are more than one where the server's dialect was learned. */
export interface RecordedCall {
  /** Of the request, so that it is known again. */
  readonly asked: string
  readonly speaks: ProviderName
  readonly provider: string
  /** It ran in the background: its replies are those of OpenAI's responses. */
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
/** Longer answers are cut, and then rehearse as what they are not: they are left out. */
export const MOST_RECORDED_CHARACTERS = 1_000_000

export const keptHeaders = (headers: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && KEPT_HEADERS.test(entry[0]),
    ),
  )

/** What of a request decides its answer. */
interface Asked {
  readonly model: string
  readonly messages: unknown
  readonly system?: string | undefined
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
  readonly stop?: readonly string[] | undefined
  readonly json?: unknown
}

/** A request as one text: the same for the same request, in whatever order its fields were written. */
export const textOfRequest = (asked: Asked): string => {
  const { model, messages, system, temperature, maxTokens, stop, json } = asked
  return JSON.stringify([model, messages, system, temperature, maxTokens, stop, json])
}

/** What a recorded call is known by. A tenant's budget may have set its bound. */
export const recordedAs = (asked: Asked): string => textOfRequest({ ...asked, maxTokens: undefined })
