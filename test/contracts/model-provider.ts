import { describe, expect, it } from 'vitest'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import type { startModelServer } from '../fixtures/model-server.ts'

type Server = Awaited<ReturnType<typeof startModelServer>>

interface Opened {
  readonly provider: ModelProvider
  /** Of a provider that is called over HTTP. */
  readonly server?: Pick<Server, 'callsOf'>
}

interface Own {
  /** The model that behaves as `stub-…` does; undefined where none does. */
  readonly modelFor: (way: string) => string | undefined
  readonly textOf: (prompt: string) => unknown
  readonly usage: object
}

const HTTP: Own = {
  modelFor: (way) => way,
  textOf: (prompt) => `echo: ${prompt}`,
  usage: { inputTokens: 7, outputTokens: 3, cachedTokens: null, reasoningTokens: null },
}

const FAILURES: readonly (readonly [string, object])[] = [
  ['stub-500', { code: 'provider_unavailable', retry: 'counted' }],
  ['stub-503', { code: 'provider_unavailable', retry: 'counted' }],
  ['stub-401', { code: 'provider_unauthorized', retry: 'never' }],
  ['stub-400', { code: 'provider_rejected', retry: 'never' }],
  ['stub-429', { code: 'provider_rate_limited', retry: 'counted', retryAfterMs: 3_000 }],
  ['stub-reset', { code: 'provider_unreachable', retry: 'counted' }],
  ['stub-cut', { code: 'provider_bad_answer', retry: 'counted' }],
  ['stub-not-json', { code: 'provider_bad_answer', retry: 'counted' }],
]

/** What every provider must do, with any protocol, and also the in-memory double of the tests. */
export function modelProviderContract(
  name: string,
  open: () => Opened,
  { modelFor, textOf, usage }: Own = HTTP,
): void {
  const has = (way: string) => modelFor(way) !== undefined
  const call = (way: string, prompt: string, more: object = {}) =>
    open().provider.generate(
      { model: modelFor(way) ?? way, messages: [{ role: 'user', content: prompt }] },
      { signal: new AbortController().signal, ...more },
    )

  describe(`${name} as a model provider`, () => {
    it('streams the text, counts the tokens, and calls once', async () => {
      const pieces: string[] = []
      const { provider, server } = open()
      const prompt = `${name}: 你好 🌍`
      const answer = await provider.generate(
        {
          model: modelFor('stub-0') ?? '',
          messages: [{ role: 'user', content: prompt }],
          system: 'be brief',
          temperature: 0.5,
          maxTokens: 100,
        },
        { signal: new AbortController().signal, onDelta: (text) => pieces.push(text) },
      )
      expect(answer).toEqual({ text: textOf(prompt), usage, finishReason: 'stop' })
      expect(pieces.join('')).toBe(answer.text)
      if (server) {
        expect(pieces).toEqual(['echo: ', prompt])
        expect(server.callsOf(prompt)).toHaveLength(1)
      }
    })

    it.each(FAILURES.filter(([way]) => has(way)))(
      '%s is the right error, after one call',
      async (way, expected) => {
        const prompt = `${name} ${way}`
        const failure = await call(way, prompt).catch((thrown: Error) => thrown)
        expect(failure).toMatchObject({ provider: name, ...expected })
        // Some providers quote the key that they refused.
        expect((failure as Error).message).not.toContain('aaaaaa')
        const { server } = open()
        if (server) expect(server.callsOf(prompt)).toHaveLength(1)
      },
    )

    it('stops at once when it is aborted, throws the reason of the abort, and closes the connection', async () => {
      const abort = new AbortController()
      const reason = new Error('cancelled')
      const prompt = `${name} hang`
      const pending = call('stub-hang', prompt, { signal: abort.signal })
      setTimeout(() => abort.abort(reason), 100)
      await expect(pending).rejects.toBe(reason)
      const { server } = open()
      if (server) await expect.poll(() => server.callsOf(prompt)[0]?.isAborted).toBe(true)
    })

    it('makes no call when it is already aborted', async () => {
      const reason = new Error('too late')
      const prompt = `${name} late`
      await expect(call('stub-0', prompt, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      const { server } = open()
      if (server) expect(server.callsOf(prompt)).toHaveLength(0)
    })

    // Declared where the double can do it: a test that skips itself counts as failed in CI.
    if (has('stub-429-date'))
      it('sends the trace header, and reads a date in Retry-After', async () => {
        const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
        const prompt = `${name} traced`
        await call('stub-0', prompt, { traceparent })
        expect(open().server?.callsOf(prompt)).toMatchObject([{ traceparent }])
        const failure = await call('stub-429-date', `${name} date`).catch((cause) => cause)
        expect(failure.retryAfterMs).toBeGreaterThan(1_500)
        expect(failure.retryAfterMs).toBeLessThanOrEqual(4_000)
      })
  })
}
