import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createModelProviders } from '../../functions/core/adapters/providers/model-providers.ts'
import { useProxy } from '../../functions/core/adapters/providers/shared/post-json.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'
import { SecretValues } from '../../functions/core/domain/secret-values.ts'
import { sse } from '../fixtures/raw-server.ts'

afterAll(() => useProxy({}))

it('model calls use the proxy of the environment, except to the hosts in NO_PROXY', async () => {
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

describe('bedrock', () => {
  const call = async (proxy: Record<string, string>) => {
    const providers = createModelProviders({
      routes: { m: 'bedrock' },
      servers: {},
      readKey: async () => undefined,
      secrets: new SecretValues(),
      proxy,
      clock: systemClock,
    })
    return (await providers.forModel('m')).generate(
      { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
      { signal: new AbortController().signal },
    )
  }
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'a')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b')
    vi.stubEnv('AWS_REGION', 'eu-central-1')
  })
  afterEach(() => vi.unstubAllEnvs())

  it('uses the proxy too, with a tunnel for https addresses, except to the hosts in NO_PROXY', async () => {
    const asked: string[] = []
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.writeHead(400, { 'x-amzn-errortype': 'ThrottlingException' }).end('{"message":"slow down"}')
    })
    proxy.on('connect', (request, socket) => {
      asked.push(`CONNECT ${request.url}`)
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    vi.stubEnv('AWS_ENDPOINT_URL_BEDROCK_RUNTIME', 'http://bedrock.invalid')
    await expect(call({ HTTP_PROXY: address })).rejects.toMatchObject({
      code: 'provider_rate_limited',
      retry: 'counted',
    })
    vi.stubEnv('AWS_ENDPOINT_URL_BEDROCK_RUNTIME', 'https://bedrock.invalid')
    await expect(call({ HTTPS_PROXY: address })).rejects.toMatchObject({
      code: 'provider_unreachable',
      retry: 'counted',
    })
    expect(asked).toEqual([
      'POST http://bedrock.invalid/model/m/converse-stream',
      'CONNECT bedrock.invalid:443',
    ])
    await expect(call({ HTTPS_PROXY: address, NO_PROXY: 'bedrock.invalid' })).rejects.toMatchObject({
      code: 'provider_unreachable',
    })
    expect(asked).toHaveLength(2)
    await new Promise<void>((resolve) => proxy.close(() => resolve()))
  })
})

it('a key is trimmed, and one with an invisible character is refused with the position', async () => {
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
