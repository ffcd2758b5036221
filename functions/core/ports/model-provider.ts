/**
 * Answers one model call by streaming. One folder under `adapters/providers/` per implementation; each passes
 * `test/contracts/model-provider.ts`.
 *
 * An implementation makes exactly one attempt (SDK retries are 0: the task owns retries), stops within moments of
 * `signal` firing, and throws nothing but `ProviderError` or the signal's own reason.
 */
export interface ModelProvider {
  readonly name: string
  generate(request: ModelRequest, options: GenerateOptions): Promise<ModelAnswer>
}

export interface ModelRequest {
  readonly model: string
  readonly prompt: string
  readonly system?: string
  readonly temperature?: number
  readonly maxTokens?: number
  /** The task's attempt, 1 for the first; only `simulated` looks at it, to fail on purpose. */
  readonly attempt?: number
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
  /** Tokens as the provider counted them; 0 where it does not say. */
  readonly inputTokens: number
  readonly outputTokens: number
  readonly finishReason: 'stop' | 'length' | 'other'
}

/** Finds the provider of a model name. Loads an SDK only when its provider is first asked for. */
export interface ModelProviders {
  /** @throws ProviderError `provider_not_configured` when no key is there. */
  forModel(model: string): Promise<ModelProvider>
}
