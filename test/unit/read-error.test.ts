import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { post } from '../../functions/core/adapters/providers/shared/as-provider.ts'

it.each([
  ['a shape of its own', { oops: { kind: 'purse_empty', says: 'Nothing left.' } }, 'Nothing left.'],
  ['a shape that all know', { error: { code: 'purse_empty', message: 'Nothing there.' } }, 'Nothing there.'],
])('a provider reads errors of %s', async (_name, body, message) => {
  const server = createServer((_, response) => response.writeHead(402).end(JSON.stringify(body)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const answer = post(
    {
      provider: 'acme',
      rules: [{ word: /^purse_empty$/, is: 'provider_quota_exhausted', retry: 'never', source: 'this test' }],
      now: Date.now,
      readError: (value) => {
        const { oops } = value as { oops?: { kind: string; says: string } }
        return oops && { code: oops.kind, message: oops.says }
      },
    },
    new URL(`http://127.0.0.1:${port}`),
    {},
    {},
    new AbortController().signal,
  )
  await expect(answer).rejects.toMatchObject({
    code: 'provider_quota_exhausted',
    message: expect.stringContaining(message),
  })
  server.close()
})
