import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { createModelProviders } from '../../functions/core/adapters/providers/model-providers.ts'
import { useProxy } from '../../functions/core/adapters/providers/shared/post-json.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'
import { SecretValues } from '../../functions/core/domain/secret-values.ts'
import { sse } from '../fixtures/raw-server.ts'

afterAll(() => useProxy({}))

it('model calls go by the proxy of the environment, but to the hosts that are left out', async () => {
  const asked: string[] = []
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end(sse({ choices: [{ delta: { content: 'by proxy' }, finish_reason: 'stop' }] }, '[DONE]'))
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const generate = async (noProxy: string) => {
    const providers = createModelProviders({
      routes: { m: 'far' },
      servers: { far: { speaks: 'openai', baseUrl: 'http://model.invalid/v1', isKeyless: true } },
      readKey: async () => undefined,
      secrets: new SecretValues(),
      proxy: { HTTP_PROXY: address, HTTPS_PROXY: undefined, NO_PROXY: noProxy },
      clock: systemClock,
    })
    const provider = await providers.forModel('m')
    return provider.generate(
      { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
      { signal: new AbortController().signal },
    )
  }
  expect(await generate('')).toMatchObject({ text: 'by proxy' })
  expect(asked).toEqual(['http://model.invalid/v1/chat/completions'])
  await expect(generate('model.invalid')).rejects.toMatchObject({ code: 'provider_unreachable' })
  expect(asked).toHaveLength(1)
  await new Promise<void>((resolve) => proxy.close(() => resolve()))
})

it('a key is trimmed, and one with an invisible character is refused with its place', async () => {
  const open = (key: string) =>
    createModelProviders({
      routes: { m: 'openai' },
      servers: {},
      readKey: async () => key,
      secrets: new SecretValues(),
      proxy: {},
      clock: systemClock,
    }).forModel('m')
  expect((await open('sk-abc\n')).name).toBe('openai')
  await expect(open('sk-\u200babc')).rejects.toMatchObject({
    code: 'provider_unauthorized',
    retry: 'never',
    message: expect.stringContaining('at place 4'),
  })
})
