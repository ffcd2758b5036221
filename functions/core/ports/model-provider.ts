import type { ProviderError } from '../domain/errors.ts'
import type { ModelUsage } from '../domain/model-usage.ts'
import type { PriceTier } from '../domain/price-tier.ts'
import type { RecordedReply } from '../domain/recording.ts'

/**
 * Answers one model call by streaming. One folder under `adapters/providers/` per implementation; each passes
 * `test/contracts/model-provider.ts`.
 *
 * An implementation makes one call (SDK retries are 0: the task owns retries; one more is allowed where a server's first
 * 400 tells its dialect), stops within moments of `signal` firing, and throws nothing but `ProviderError` or the signal's
 * own reason. It returns only what ended well: every other end is an error with a code.
 */
export interface ModelProvider {
  readonly name: string
  generate(request: ModelRequest, options: GenerateOptions): Promise<ModelAnswer>
  /** Calls that go on at the provider while nobody is connected; left out where it has none or the stage wants none. */
  readonly background?: BackgroundCalls
  /** The price tiers beside the standard one that a call of the model may ask for; left out where there are none. */
  readonly tiersOf?: (model: string) => readonly PriceTier[]
  /** The stage wants its answers recorded, and it speaks this protocol. */
  readonly records?: 'openai' | 'anthropic'
}

/**
 * Calls that outlive whoever made them. The id of a started call is stored before its answer is waited for, so that a
 * later attempt attaches to it instead of paying again. Throws as `generate` does.
 */
export interface BackgroundCalls {
  /** Whether a request can be made this way. */
  takes(request: ModelRequest): boolean
  /**
   * Makes the call, and resolves as soon as the provider has named it.
   * @returns undefined when the server knows no such calls after all: nothing was started.
   */
  start(request: ModelRequest, options: GenerateOptions): Promise<StartedCall | undefined>
  /** Waits for the end of a call that was started before. Its text comes from the beginning. Costs nothing. */
  attach(id: string, options: GenerateOptions): Promise<CallOutcome>
  /** Stops a call. Never throws: a call that cannot be stopped ends by itself. */
  cancel(id: string): Promise<void>
}

export interface StartedCall {
  readonly id: string
  /** Waits for the end. A connection that drops is made again, from where it was. */
  readonly outcome: () => Promise<CallOutcome>
}

/** How a call ended. Whoever gets an error thrown instead knows nothing of the call: it may still run. */
export type CallOutcome =
  | { readonly kind: 'answered'; readonly answer: ModelAnswer }
  | { readonly kind: 'failed'; readonly error: ProviderError }
  /** The provider no longer knows it, or somebody stopped it. */
  | { readonly kind: 'gone' }

export interface ModelRequest {
  readonly model: string
  /** At least one; the last is the user's. */
  readonly messages: readonly ModelMessage[]
  readonly system?: string
  readonly temperature?: number
  readonly maxTokens?: number
  /** Texts at which the model stops; at most 4, as OpenAI allows no more. */
  readonly stop?: readonly string[]
  /** The text must be JSON of this shape. Sent as the provider's structured output where it has one. */
  readonly json?: JsonShape
  /** One of the provider's `tiersOf`; left out, the standard tier. */
  readonly tier?: PriceTier
  /** The task's attempt, 1 for the first; only `simulated` looks at it, to fail on purpose. */
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
  /** Letters, digits, `_` and `-`; some providers show it to the model. */
  readonly name: string
  /** JSON Schema of an object, with `additionalProperties: false` and every property required: providers insist. */
  readonly schema: Readonly<Record<string, unknown>>
}

export interface GenerateOptions {
  readonly signal: AbortSignal
  /** Called with each piece of text as it arrives. Must not throw. */
  readonly onDelta?: (text: string) => void
  /** Called with the headers of an answer, a refusal's too, names in lower case. Must not throw. */
  readonly onHeaders?: (headers: Readonly<Record<string, string | undefined>>) => void
  /** Sent along as the header of that name. */
  readonly traceparent?: string
  /** Told of each answer as it begins; its body comes while it is read. */
  readonly onReply?: (reply: RecordedReply) => void
}

export interface ModelAnswer {
  readonly text: string
  readonly usage: ModelUsage
  /** `length`: the text was cut at a limit of tokens. */
  readonly finishReason: 'stop' | 'length'
}

/** Finds the provider of a model name. Loads an SDK only when its provider is first asked for. */
export interface ModelProviders {
  /** @throws ProviderError `provider_not_configured` when no key is there. */
  forModel(model: string): Promise<ModelProvider>
}

/** The texts of a request, for whoever counts or shows them. */
export const textOf = ({ content }: ModelMessage): string =>
  typeof content === 'string'
    ? content
    : content.map((part) => (part.type === 'text' ? part.text : '')).join('')
