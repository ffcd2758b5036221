import { ProviderError } from '../../../domain/errors.ts'
import { SIMULATED_BEHAVIOURS } from '../../../domain/model-routes.ts'
import { badAnswer, contentRefused, failedStatus } from '../../../domain/provider-failure.ts'
import type { Clock } from '../../../ports/clock.ts'
import {
  type GenerateOptions,
  type ModelProvider,
  type ModelRequest,
  textOf,
} from '../../../ports/model-provider.ts'
import type { OpenProvider } from '../shared/open-provider.ts'
import { jsonAnswer } from './json-answer.ts'

const NAME = 'simulated'
/** Time per word: a usual answer takes about two seconds, long enough to watch. */
const WORD_MS = 40
const SLOW_SECONDS = 20

/**
 * A provider for trying the product without a key. The same prompt and model give the same text; failures can be requested by the
 * model's name. A deployed stage uses it only if its settings route models to it.
 */
export function createSimulatedProvider(clock: Clock): ModelProvider {
  return { name: NAME, generate: (request, options) => generate(clock, request, options) }
}

export const openProvider: OpenProvider = (_, clock) => createSimulatedProvider(clock)

async function generate(clock: Clock, request: ModelRequest, options: GenerateOptions) {
  const { signal } = options
  const [, kind, argument] = /^simulated-([a-z]+|429)(?:-(\d{1,4}))?$/.exec(request.model) ?? []
  const number = argument === undefined ? undefined : Number(argument)
  const answer = answerTo(request)
  const words = request.json ? [jsonAnswer(request.json.schema, answer.join(''))] : answer
  const limit = request.maxTokens ?? words.length
  const fail = (status: number, retryAfter?: number) =>
    failedStatus({
      provider: NAME,
      status,
      message: 'as the model name asked.',
      retryAfter: retryAfter === undefined ? null : String(retryAfter),
      now: clock.now(),
    })
  const say = (wordMs: number, said: readonly string[] = words.slice(0, limit)) =>
    stream(clock, request, { said, isCut: said.length < words.length, wordMs }, options)
  if (!request.model.startsWith('simulated-')) return say(WORD_MS)
  switch (kind) {
    case 'fast':
      return say(0)
    case 'slow':
      return say(((number ?? SLOW_SECONDS) * 1_000) / Math.min(limit, words.length))
    case 'fail':
      throw fail(number ?? 500)
    case 'flaky':
      if ((request.attempt ?? 1) <= (number ?? 1)) throw fail(500)
      return say(0)
    case '429':
      throw fail(429, number)
    case 'hang':
      await clock.sleep(3_600_000, signal)
      signal.throwIfAborted()
      throw fail(504)
    case 'refuse':
      throw contentRefused(NAME)
    case 'cut':
      await say(WORD_MS, words.slice(0, 5))
      throw badAnswer(NAME, 'the stream ended early')
    default:
      throw new ProviderError(
        'provider_rejected',
        `simulated knows no model "${request.model.slice(0, 60)}"; behind "simulated-" may stand ${SIMULATED_BEHAVIOURS}.`,
        'never',
        NAME,
      )
  }
}

async function stream(
  clock: Clock,
  request: ModelRequest,
  {
    said,
    isCut,
    wordMs,
  }: { readonly said: readonly string[]; readonly isCut: boolean; readonly wordMs: number },
  { signal, onDelta }: GenerateOptions,
) {
  for (const word of said) {
    if (wordMs > 0) await clock.sleep(wordMs, signal)
    signal.throwIfAborted()
    onDelta?.(word)
  }
  return {
    text: said.join(''),
    usage: {
      // The usual estimate of four characters per token.
      inputTokens: Math.ceil(((request.system?.length ?? 0) + promptOf(request).length) / 4),
      outputTokens: said.length,
      cachedTokens: null,
      reasoningTokens: null,
    },
    finishReason: isCut ? ('length' as const) : ('stop' as const),
  }
}

const promptOf = ({ messages }: ModelRequest): string => messages.map(textOf).join('\n')

const ENGLISH = [
  'It begins with a clear question and a few plain facts.',
  'Each part can be looked at on its own before the whole is put together.',
  'The details differ from case to case, yet the shape stays the same.',
  'A small example usually says more than a long definition.',
  'What matters most is to test the idea against something real.',
  'From there, the next step tends to suggest itself.',
]
const CHINESE = [
  '先从一个清楚的问题和几个简单的事实开始。',
  '每个部分都可以单独看，再合成整体。',
  '细节因情况而异，但结构相同。',
  '一个小例子往往胜过长长的定义。',
  '最重要的是用真实的情况来检验想法。',
  '下一步通常会自然浮现。',
]

/** Words (or characters of a language without spaces), in an order derived from the prompt. */
function answerTo(request: ModelRequest): readonly string[] {
  const { model } = request
  const prompt = promptOf(request)
  const isChinese = /\p{Script=Han}/u.test(prompt.slice(0, 2_000))
  const sentences = isChinese ? CHINESE : ENGLISH
  let seed = 0
  for (const character of `${model}\n${prompt.slice(0, 10_000)}`)
    seed = (seed * 31 + (character.codePointAt(0) ?? 0)) >>> 0
  const about = prompt.replace(/\s+/g, ' ').slice(0, 40)
  const opening = isChinese ? `［模拟回答］关于“${about}”：` : `[simulated answer] About "${about}": `
  const body = [0, 1, 2, 3].map(
    (step) => sentences[(seed + step * 7 + (seed >>> 8) * step) % sentences.length] ?? '',
  )
  const text = opening + body.join(isChinese ? '' : ' ')
  return isChinese ? [...text] : text.split(/(?<= )/)
}
