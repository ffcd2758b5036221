import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../functions/contract.ts'
import type { Payload } from '../../functions/core/domain/task.ts'
import type { PayloadStore } from '../../functions/core/ports/payload-store.ts'

const key = { tenant: 'acme', id: 'task0000000000000000000001' }
/** JSON of exactly this number of bytes. */
const jsonOf = (bytes: number) => JSON.stringify('a'.repeat(bytes - 2))

/** What every payload store must do. `open` gives one, empty or not. */
export function payloadStoreContract(name: string, open: () => Promise<PayloadStore>): void {
  describe(`${name} meets the contract of a payload store`, () => {
    const isStored = (payload: Payload): payload is Extract<Payload, { key: string }> => 'key' in payload

    it('returns small JSON itself, and a pointer from one byte above the limit on', async () => {
      const store = await open()
      const small = jsonOf(LIMITS.inlineBytes)
      expect(await store.keep(key, 'small', small)).toEqual({ json: small })
      expect(await store.read({ json: small })).toBe(small)
      const large = jsonOf(LIMITS.inlineBytes + 1)
      const kept = await store.keep(key, 'large', large)
      expect(kept).toEqual({
        key: expect.stringContaining(key.id),
        bytes: LIMITS.inlineBytes + 1,
        sha256: createHash('sha256').update(large).digest('hex'),
      })
    })

    it.each([
      ['characters of several bytes', JSON.stringify('你好 🌍 "\\\n\u0000'.repeat(2_000))],
      ['five megabytes', jsonOf(5_000_000)],
    ])('%s come back byte for byte', async (_, json) => {
      const store = await open()
      const kept = await store.keep(key, 'whole', json)
      expect(isStored(kept) && kept.bytes).toBe(Buffer.byteLength(json))
      expect((await store.read(kept)) === json).toBe(true)
    })

    it('a repeated write of the same part has no effect, another part is another object', async () => {
      const store = await open()
      const json = jsonOf(20_000)
      const first = await store.keep(key, 'input-token', json)
      expect(await store.keep(key, 'input-token', json)).toEqual(first)
      await store.keep(key, 'result-token', JSON.stringify('b'.repeat(20_000)))
      expect(await store.read(first)).toBe(json)
    })

    it('tenants of any name have separate objects', async () => {
      const store = await open()
      const names = ['a', 'a/b', 'a%2Fb', '../a', '你好', 'a b?c#d']
      const kept = await Promise.all(
        names.map((tenant, n) =>
          store.keep({ tenant, id: key.id }, 'input', JSON.stringify(`${n}`.repeat(9_000))),
        ),
      )
      expect(new Set(kept.map((payload) => isStored(payload) && payload.key)).size).toBe(names.length)
      for (const [n, payload] of kept.entries())
        expect(await store.read(payload)).toBe(JSON.stringify(`${n}`.repeat(9_000)))
    })

    it('a link returns the JSON of an object; JSON that is stored in the row has no link', async () => {
      const store = await open()
      const json = jsonOf(30_000)
      const link = await store.link(await store.keep(key, 'linked', json), 300)
      expect(await (await fetch(link)).text()).toBe(json)
      await expect(store.link({ json: '1' }, 300)).rejects.toThrow('no address')
    })

    it('a removed object cannot be read; removing it again, or JSON in the row, is no error', async () => {
      const store = await open()
      const kept = await store.keep(key, 'removed', jsonOf(9_000))
      await store.remove(kept)
      await expect(store.read(kept)).rejects.toThrow()
      await expect(store.remove(kept)).resolves.toBeUndefined()
      await expect(store.remove({ json: '1' })).resolves.toBeUndefined()
    })
  })
}
