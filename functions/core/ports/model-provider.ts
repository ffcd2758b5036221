import type { ProviderError } from '../domain/errors.ts'
import type { ModelUsage } from '../domain/model-usage.ts'
import type { PriceTier } from '../domain/price-tier.ts'
import type { RecordedReply } from '../domain/recording.ts'

/**
 * Makes one model call with a streamed answer. One folder under `adapters/providers/` per implementation; each passes
 * `test/contracts/model-provider.ts`.
 *
 * An implementation makes one call (SDK retries are 0, because the task decides about retries; a second one is allowed when a
 * server's first 400 shows its dialect), stops within moments after `signal` fires, and throws only `ProviderError` or the
 * signal's reason. It returns only complete answers: every other end is an error with a code.
 */
export interface ModelProvider {
  readonly name: string
  generate(request: ModelRequest, options: GenerateOptions): Promise<ModelAnswer>
  /** Calls that run at the provider without a connection; left out where the provider or the stage has none. */
  readonly background?: BackgroundCalls
  /** The price tiers beside the standard one that the provider offers for the model; left out where there are none. */
  readonly tiersOf?: (model: string) => readonly PriceTier[]
  /** Set when the stage records answers and the provider speaks this protocol. Without it nothing is recorded. */
  readonly records?: 'openai' | 'anthropic'
}

/**
 * Calls that continue after the process that made them has stopped. The id of a started call is stored before its answer is
 * waited for, so that a later attempt can resume it instead of paying again. Throws like `generate`.
 */
export interface BackgroundCalls {
  /** Whether a request can be made in the background. */
  takes(request: ModelRequest): boolean
  /**
   * Starts the call, and resolves when the provider has given it an id.
   * @returns undefined when the server does not support such calls; then nothing was started.
   */
  start(request: ModelRequest, options: GenerateOptions): Promise<StartedCall | undefined>
  /** Waits for the end of a call that was started before. Its text starts from the beginning. Costs nothing. */
  attach(id: string, options: GenerateOptions): Promise<CallOutcome>
  /** Cancels a call. Never throws: a call that cannot be cancelled ends by itself. */
  cancel(id: string): Promise<void>
}

export interface StartedCall {
  readonly id: string
  /** Waits for the end. A lost connection is opened again and continues where it was. */
  readonly outcome: () => Promise<CallOutcome>
}

/** How a call ended. After a thrown error instead, the state of the call is unknown: it may still run. */
export type CallOutcome =
  | { readonly kind: 'answered'; readonly answer: ModelAnswer }
  | { readonly kind: 'failed'; readonly error: ProviderError }
  /** The provider no longer knows the call, or it was cancelled. */
  | { readonly kind: 'gone' }

export interface ModelRequest {
  readonly model: string
  /** At least one; the last has the role `user`. */
  readonly messages: readonly ModelMessage[]
  readonly system?: string
  readonly temperature?: number
  readonly maxTokens?: number
  /** Texts at which the model stops; at most 4, as OpenAI allows no more. */
  readonly stop?: readonly string[]
  /** The text must be JSON of this shape. Sent as the provider's structured output if it supports that. */
  readonly json?: JsonShape
  /** One of the provider's `tiersOf`; left out, the standard tier. */
  readonly tier?: PriceTier
  /** The task's attempt, from 1; used only by `simulated`, to fail on purpose. */
  readonly attempt?: number
}

export interface ModelMessage {
  readonly role: 'user' | 'assistant'
  readonly content: string | readonly MessagePart[]
}

export type MessagePart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly mediaType: ImageType; readonly base64: string }

export type ImageType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'

export interface JsonShape {
  /** Letters, digits, `_` and `-`; some providers pass it to the model. */
  readonly name: string
  /** JSON Schema of an object, with `additionalProperties: false` and every property required, as providers demand. */
  readonly schema: Readonly<Record<string, unknown>>
}

export interface GenerateOptions {
  readonly signal: AbortSignal
  /** Called with each piece of text as it arrives. Must not throw. */
  readonly onDelta?: (text: string) => void
  /** Called with the headers of every answer, refusals included; names in lower case. Must not throw. */
  readonly onHeaders?: (headers: Readonly<Record<string, string | undefined>>) => void
  /** Value of the request header `traceparent`. */
  readonly traceparent?: string
  /** Called with each answer when it begins; its body is appended while it is read. */
  readonly onReply?: (reply: RecordedReply) => void
}

export interface ModelAnswer {
  readonly text: string
  readonly usage: ModelUsage
  /** `length`: the text ended at a token limit. */
  readonly finishReason: 'stop' | 'length'
}

/** Finds the provider of a model name. Loads an SDK only at its provider's first use. */
export interface ModelProviders {
  /** @throws ProviderError `provider_not_configured` when there is no key. */
  forModel(model: string): Promise<ModelProvider>
}

/** The text parts of a message. */
export const textOf = ({ content }: ModelMessage): string =>
  typeof content === 'string'
    ? content
    : content.map((part) => (part.type === 'text' ? part.text : '')).join('')
