import { describe, expect, it } from 'vitest'
import type { ModelProvider } from '../../functions/core/ports/model-provider.ts'
import type { startModelServer } from '../fixtures/model-server.ts'

type Server = Awaited<ReturnType<typeof startModelServer>>

/** What every provider that is reached over HTTP must do, whatever its protocol. */
export function modelProviderContract(
  name: string,
  open: () => { provider: ModelProvider; server: Server },
): void {
  const call = (model: string, prompt: string, signal = new AbortController().signal) =>
    open().provider.generate({ model, messages: [{ role: 'user', content: prompt }] }, { signal })

  describe(`${name} as a model provider`, () => {
    it('streams the text, counts the tokens, and calls once', async () => {
      const pieces: string[] = []
      const { provider, server } = open()
      const prompt = `${name}: 你好 🌍`
      const answer = await provider.generate(
        {
          model: 'stub-0',
          messages: [{ role: 'user', content: prompt }],
          system: 'be brief',
          temperature: 0.5,
          maxTokens: 100,
        },
        { signal: new AbortController().signal, onDelta: (text) => pieces.push(text) },
      )
      expect(answer).toEqual({
        text: `echo: ${prompt}`,
        usage: { inputTokens: 7, outputTokens: 3, cachedTokens: null, reasoningTokens: null },
        finishReason: 'stop',
      })
      expect(pieces).toEqual(['echo: ', prompt])
      expect(server.callsOf(prompt)).toHaveLength(1)
    })

    it('sends the trace along', async () => {
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      const { provider, server } = open()
      const prompt = `${name} traced`
      await provider.generate(
        { model: 'stub-0', messages: [{ role: 'user', content: prompt }] },
        { signal: new AbortController().signal, traceparent },
      )
      expect(server.callsOf(prompt)).toMatchObject([{ traceparent }])
    })

    it.each([
      ['stub-500', { code: 'provider_unavailable', retry: 'counted' }],
      ['stub-401', { code: 'provider_unauthorized', retry: 'never' }],
      ['stub-400', { code: 'provider_rejected', retry: 'never' }],
      ['stub-429', { code: 'provider_rate_limited', retry: 'counted', retryAfterMs: 3_000 }],
      ['stub-reset', { code: 'provider_unreachable', retry: 'counted' }],
      ['stub-cut', { code: 'provider_bad_answer', retry: 'counted' }],
      ['stub-not-json', { code: 'provider_bad_answer', retry: 'counted' }],
    ])('%s is the right error, after one call', async (model, expected) => {
      const prompt = `${name} ${model}`
      await expect(call(model, prompt)).rejects.toMatchObject(expected)
      expect(open().server.callsOf(prompt)).toHaveLength(1)
    })

    it('reads a date in Retry-After', async () => {
      const failure = await call('stub-429-date', `${name} date`).catch((cause) => cause)
      expect(failure.retryAfterMs).toBeGreaterThan(1_500)
      expect(failure.retryAfterMs).toBeLessThanOrEqual(4_000)
    })

    it('never repeats a key that the provider repeats', async () => {
      const failure = await call('stub-401', `${name} key`).catch((cause: Error) => cause)
      expect((failure as Error).message).not.toContain('aaaaaa')
    })

    it('stops at once when told to, with the reason it was given, and hangs up', async () => {
      const abort = new AbortController()
      const reason = new Error('cancelled')
      const prompt = `${name} hang`
      const pending = call('stub-hang', prompt, abort.signal)
      setTimeout(() => abort.abort(reason), 100)
      await expect(pending).rejects.toBe(reason)
      await expect.poll(() => open().server.callsOf(prompt)[0]?.isAborted).toBe(true)
    })
  })
}
