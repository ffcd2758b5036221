import type { ModelUsage } from '../domain/model-usage.ts'

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
}

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
  /** Sent along as the header of that name. */
  readonly traceparent?: string
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
