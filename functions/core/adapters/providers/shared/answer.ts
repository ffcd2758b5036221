/** Puts an answer together from its pieces and says whether its end was a good one. */
import { LIMITS } from '../../../../contract.ts'
import { ProviderError, type Retry } from '../../../domain/errors.ts'
import type { ModelUsage } from '../../../domain/model-usage.ts'
import { badAnswer, refused, tooLarge, truncated } from '../../../domain/provider-failure.ts'
import type { CallOutcome, GenerateOptions, ModelAnswer } from '../../../ports/model-provider.ts'

export const NO_USAGE: ModelUsage = {
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  reasoningTokens: null,
}

/** What an end means. `stop` and `length` are answers; all else is an error. */
type Meaning =
  | { readonly kind: 'stop' | 'length' | 'refused' }
  | { readonly kind: 'bad'; readonly retry: Retry }
export type Ending = Meaning & {
  /** Where the provider says so. */
  readonly source: string
}

/** Ends by the provider's word in lower case: a closed list. A word that is not in it ends nothing well. */
export type Endings = Readonly<Record<string, Ending>>

/** Ends of one source. */
export const from = (source: string, endings: Readonly<Record<string, Meaning>>): Endings =>
  Object.fromEntries(Object.entries(endings).map(([word, meaning]) => [word, { ...meaning, source }]))

/** Pieces joined at a time: a string of a million pieces costs more memory than its text. */
const PIECES = 2_000

export class AnswerBuilder {
  readonly #provider: string
  readonly #endings: Endings
  readonly #onDelta: GenerateOptions['onDelta']
  #parts: string[] = []
  #bytes = 0
  #reason: string | undefined
  #namesReasonEarly = false
  usage: ModelUsage = NO_USAGE
  /** The model said that it will not answer. */
  isRefused = false
  /** Something came that is no text: reasoning, a call of a tool. */
  other = ''
  /** The model called a tool, and none was offered: it would again. */
  isToolCall = false

  constructor(provider: string, endings: Endings, onDelta: GenerateOptions['onDelta']) {
    this.#provider = provider
    this.#endings = endings
    this.#onDelta = onDelta
  }

  /** @throws ProviderError `result_too_large` as soon as there is more text than a result may have. */
  add(text: string): void {
    if (text === '') return
    this.#bytes += Buffer.byteLength(text)
    if (this.#bytes > LIMITS.resultBytes) throw tooLarge(this.#provider, LIMITS.resultBytes)
    this.#parts.push(text)
    if (this.#parts.length >= PIECES) this.#parts = [this.#parts.join('')]
    // Some servers name a reason with every piece: what comes after it was not the end.
    if (this.#reason !== undefined) this.#namesReasonEarly = true
    this.#reason = undefined
    this.#onDelta?.(text)
  }

  /** Takes the whole text as the provider has it, whatever of it has come in pieces. */
  whole(text: string): void {
    const said = this.#parts.join('')
    if (text === '' || text === said) return
    if (text.startsWith(said)) {
      this.add(text.slice(said.length))
      return
    }
    this.#bytes = Buffer.byteLength(text)
    if (this.#bytes > LIMITS.resultBytes) throw tooLarge(this.#provider, LIMITS.resultBytes)
    this.#parts = [text]
  }

  end(reason: string | null | undefined): void {
    if (reason) this.#reason = reason
  }

  get hasText(): boolean {
    return this.#bytes > 0
  }

  get hasEnded(): boolean {
    return this.#reason !== undefined
  }

  /** What was told is an end beyond doubt: nothing has followed such a word before, and the word is a known one. */
  get isSurelyOver(): boolean {
    return this.#reason !== undefined && !this.#namesReasonEarly && this.#ending(this.#reason) !== undefined
  }

  /** `content_filter: self-harm`: the word before the colon counts. `contentFilter` and `content-filter` are the same word. */
  #ending(reason: string): Ending | undefined {
    const word = reason
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toLowerCase()
      .replaceAll('-', '_')
    return own(this.#endings, word) ?? own(this.#endings, word.split(/[:;,\s]/)[0] ?? '')
  }

  /** @throws ProviderError for every end that is not in the list of good ones. */
  finish(): ModelAnswer {
    const { usage } = this
    const provider = this.#provider
    if (this.isRefused) throw refused(provider, usage)
    if (this.#reason === undefined) throw badAnswer(provider, 'the stream ended early', 'counted', usage)
    const ending = this.#ending(this.#reason)
    if (!ending) throw badAnswer(provider, `it ended with "${clip(this.#reason)}"`, 'counted', usage)
    if (ending.kind === 'refused') throw refused(provider, usage)
    if (ending.kind === 'bad')
      throw badAnswer(provider, `it ended with "${clip(this.#reason)}"`, ending.retry, usage)
    if (!this.hasText) {
      // All tokens went into reasoning: the same call would end the same way.
      if (ending.kind === 'length') throw truncated(provider, usage)
      throw badAnswer(
        provider,
        this.other ? `only ${this.other} came, and no text` : 'it is empty',
        this.isToolCall ? 'never' : 'counted',
        usage,
      )
    }
    return { text: this.#parts.join(''), usage, finishReason: ending.kind }
  }
}

/** A piece of an answer that is not what the protocol has there. */
export class UnreadablePiece extends ProviderError {}

/** How a call in the background ended. */
export function outcomeOf(answer: AnswerBuilder): CallOutcome {
  try {
    return { kind: 'answered', answer: answer.finish() }
  } catch (error) {
    if (error instanceof ProviderError) return { kind: 'failed', error }
    throw error
  }
}

const own = (endings: Endings, word: string): Ending | undefined =>
  Object.hasOwn(endings, word) ? endings[word] : undefined

const clip = (word: string): string => word.slice(0, 60)

/** How long the tokens may still come after the end was told; then the answer is taken without. */
const AFTER_END_MS = 2_000

/**
 * Passes on parts until one says that nothing follows. An end that was told is the end: a connection that drops
 * afterwards, or stays open, takes nothing from the answer.
 *
 * @param take returns true when nothing is missing any more.
 */
export async function collect<Part>(
  parts: AsyncIterable<Part>,
  answer: AnswerBuilder,
  signal: AbortSignal,
  take: (part: Part) => boolean,
): Promise<ModelAnswer> {
  const iterator = parts[Symbol.asyncIterator]()
  let timer: NodeJS.Timeout | undefined
  let late: Promise<'late'> | undefined
  // What comes behind the end takes nothing from an answer that is paid for: neither what cannot be read nor an error.
  const takeSafely = (part: Part): boolean => {
    const isOver = answer.isSurelyOver
    try {
      return take(part)
    } catch (error) {
      if (isOver && error instanceof ProviderError) return !(error instanceof UnreadablePiece)
      throw error
    }
  }
  try {
    for (;;) {
      if (!answer.isSurelyOver) late = undefined
      else
        late ??= new Promise((resolve) => {
          timer = setTimeout(resolve, AFTER_END_MS, 'late')
        })
      const next = iterator.next().catch((error) => {
        if (answer.isSurelyOver && !signal.aborted) return { done: true as const, value: undefined }
        throw error
      })
      const part = await (late ? Promise.race([next, late]) : next)
      signal.throwIfAborted()
      if (part === 'late' || part.done || takeSafely(part.value)) break
    }
    return answer.finish()
  } finally {
    clearTimeout(timer)
    void iterator.return?.()?.catch(() => undefined)
  }
}
