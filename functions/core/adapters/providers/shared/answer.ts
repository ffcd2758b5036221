/** Joins the pieces of an answer and decides whether it ended well. */
import { LIMITS } from '../../../../contract.ts'
import { ProviderError, type Retry } from '../../../domain/errors.ts'
import type { ModelUsage } from '../../../domain/model-usage.ts'
import { badAnswer, contentRefused, tooLarge, truncated } from '../../../domain/provider-failure.ts'
import type { CallOutcome, GenerateOptions, ModelAnswer } from '../../../ports/model-provider.ts'

export const NO_USAGE: ModelUsage = {
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  reasoningTokens: null,
}

/** The meaning of a finish reason. `stop` and `length` are answers; all others are errors. */
type EndingMeaning =
  | { readonly kind: 'stop' | 'length' | 'refused' }
  | { readonly kind: 'bad'; readonly retry: Retry }
export type Ending = EndingMeaning & {
  /** Where the provider documents it. */
  readonly source: string
}

/** Meanings by the provider's finish reason in lower case. The list is complete: an unknown reason is an error. */
export type Endings = Readonly<Record<string, Ending>>

/** Finish reasons documented in one source. */
export const documentedEndings = (
  source: string,
  endings: Readonly<Record<string, EndingMeaning>>,
): Endings =>
  Object.fromEntries(Object.entries(endings).map(([word, meaning]) => [word, { ...meaning, source }]))

/** Pieces joined at a time, because a string concatenated from a million pieces needs more memory than its text. */
const PIECES = 2_000

export class AnswerBuilder {
  readonly #provider: string
  readonly #endings: Endings
  readonly #onDelta: GenerateOptions['onDelta']
  #parts: string[] = []
  #bytes = 0
  #reason: string | undefined
  /** The last reason that the server sent, also when text followed it. */
  #earlier: string | undefined
  #namesReasonEarly = false
  /** The server said that nothing follows. */
  #isClosed = false
  usage: ModelUsage = NO_USAGE
  isRefused = false
  /** Name of received content that is no text: reasoning, a tool call. */
  other = ''
  #isToolCall = false

  constructor(provider: string, endings: Endings, onDelta: GenerateOptions['onDelta']) {
    this.#provider = provider
    this.#endings = endings
    this.#onDelta = onDelta
  }

  /** @throws ProviderError `result_too_large` as soon as the text is larger than a result may be. */
  add(text: string): void {
    if (text === '') return
    this.#bytes += Buffer.byteLength(text)
    if (this.#bytes > LIMITS.resultBytes) throw tooLarge(this.#provider, LIMITS.resultBytes)
    this.#parts.push(text)
    if (this.#parts.length >= PIECES) this.#parts = [this.#parts.join('')]
    // Some servers send a finish reason with every piece, so that a reason followed by text is not the end.
    if (this.#reason !== undefined) this.#namesReasonEarly = true
    this.#reason = undefined
    this.#onDelta?.(text)
  }

  /** Sets the whole text, whatever part of it has arrived in pieces. */
  whole(text: string): void {
    const earlierText = this.#parts.join('')
    if (text === '' || text === earlierText) return
    if (text.startsWith(earlierText)) {
      this.add(text.slice(earlierText.length))
      return
    }
    this.#bytes = Buffer.byteLength(text)
    if (this.#bytes > LIMITS.resultBytes) throw tooLarge(this.#provider, LIMITS.resultBytes)
    this.#parts = [text]
  }

  end(reason: string | null | undefined): void {
    if (!reason) return
    // After an end, an error is the server's own: the answer is complete and paid for.
    if (this.isSurelyOver && (this.#ending(reason)?.kind ?? 'bad') === 'bad' && this.#isAnswer) return
    this.#reason = reason
    this.#earlier = reason
  }

  /** The server closed the answer in its own words: the reason that it gave before counts, whatever came after it. */
  close(): void {
    this.#isClosed = true
  }

  /** The model called a tool although none was offered; it would do so again. */
  callTool(): void {
    this.other = 'a call of a tool'
    this.#isToolCall = true
  }

  get #isAnswer(): boolean {
    const kind = this.#reason === undefined ? undefined : this.#ending(this.#reason)?.kind
    return kind === 'stop' || kind === 'length'
  }

  get hasText(): boolean {
    return this.#bytes > 0
  }

  get hasEnded(): boolean {
    return this.#reason !== undefined
  }

  /** The finish reason is certainly final: it is a known one, and this server has not sent text after one. */
  get isSurelyOver(): boolean {
    return this.#reason !== undefined && !this.#namesReasonEarly && this.#ending(this.#reason) !== undefined
  }

  /** A finish reason of a server that has sent text after an earlier one. */
  get isPerhapsOver(): boolean {
    return this.#namesReasonEarly && this.#isAnswer
  }

  /** `content_filter: self-harm` counts as the part before the colon; `contentFilter` and `content-filter` are equal. */
  #ending(reason: string): Ending | undefined {
    const word = reason
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toLowerCase()
      .replaceAll('-', '_')
    return own(this.#endings, word) ?? own(this.#endings, word.split(/[:;,\s]/)[0] ?? '')
  }

  /** @throws ProviderError for every finish reason that is not an answer. */
  finish(): ModelAnswer {
    const { usage } = this
    const provider = this.#provider
    if (this.isRefused) throw contentRefused(provider, usage)
    const reason = this.#reason ?? (this.#isClosed ? this.#earlier : undefined)
    if (reason === undefined) throw badAnswer(provider, 'the stream ended early', 'counted', usage)
    const ending = this.#ending(reason)
    if (!ending) throw badAnswer(provider, `it ended with "${clip(reason)}"`, 'counted', usage)
    if (ending.kind === 'refused') throw contentRefused(provider, usage)
    if (ending.kind === 'bad')
      throw badAnswer(provider, `it ended with "${clip(reason)}"`, ending.retry, usage)
    if (!this.hasText) {
      // All tokens were used for reasoning; the same call would end the same way.
      if (ending.kind === 'length') throw truncated(provider, usage)
      throw badAnswer(
        provider,
        this.other ? `only ${this.other} came, and no text` : 'it is empty',
        this.#isToolCall ? 'never' : 'counted',
        usage,
      )
    }
    // Half a surrogate pair is valid in JSON, but many readers refuse the whole document.
    return { text: this.#parts.join('').toWellFormed(), usage, finishReason: ending.kind }
  }
}

/** A piece of an answer that violates the protocol. */
export class UnreadablePiece extends ProviderError {}

/** The outcome of a background call. */
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

/** What the server has reported is billed, however the answer ends. */
function withUsage(error: ProviderError, usage: ModelUsage): ProviderError {
  if (error.usage !== undefined || usage === NO_USAGE) return error
  const { code, message, retry, provider, status, retryAfterMs } = error
  return new ProviderError(code, message, retry, provider, {
    usage,
    cause: error,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** How long to wait for the token counts after the finish reason; then the answer is used without them. */
const AFTER_END_MS = 2_000
/** How long a server is silent that names a reason with every piece, until its last one is taken for the end. */
const QUIET_MS = 20_000

/**
 * Reads parts until the answer is complete. After a finish reason, a lost or open connection does not affect the
 * answer.
 *
 * @param take returns true when nothing is missing any more.
 */
export async function collectAnswer<Part>(
  parts: AsyncIterable<Part>,
  answer: AnswerBuilder,
  signal: AbortSignal,
  take: (part: Part) => boolean,
): Promise<ModelAnswer> {
  const iterator = parts[Symbol.asyncIterator]()
  let timer: NodeJS.Timeout | undefined
  let late: Promise<'late'> | undefined
  const after = (ms: number) =>
    new Promise<'late'>((resolve) => {
      clearTimeout(timer)
      timer = setTimeout(resolve, ms, 'late')
    })
  // Whatever follows the end, unreadable pieces and errors included, must not fail an answer that is paid for.
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
      if (answer.isSurelyOver) late ??= after(AFTER_END_MS)
      else late = answer.isPerhapsOver ? after(QUIET_MS) : undefined
      const next = iterator.next().catch((error) => {
        if (answer.isSurelyOver && !signal.aborted) return { done: true as const, value: undefined }
        throw error
      })
      const part = await (late ? Promise.race([next, late]) : next)
      signal.throwIfAborted()
      if (part === 'late' || part.done) break
      if (!takeSafely(part.value)) continue
      answer.close()
      break
    }
    return answer.finish()
  } catch (error) {
    throw error instanceof ProviderError ? withUsage(error, answer.usage) : error
  } finally {
    clearTimeout(timer)
    void iterator.return?.()?.catch(() => undefined)
  }
}
