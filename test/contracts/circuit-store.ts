import { describe, expect, it } from 'vitest'
import { afterFailure } from '../../functions/core/domain/circuit.ts'
import type { CircuitStore } from '../../functions/core/ports/circuit-store.ts'

const NOW = 1_800_000_000_000

/** What every circuit store must do. `open` gives an empty one. */
export function circuitStoreContract(name: string, open: () => Promise<CircuitStore>): void {
  describe(`${name} meets the contract of a circuit store`, () => {
    const first = afterFailure(
      undefined,
      'provider_unavailable',
      { task: 't', tenant: 'acme', hasFailed: false, isLast: false },
      NOW,
    )

    it('reads back what was written, under its name', async () => {
      const store = await open()
      expect(await store.readAll()).toEqual(new Map())
      const opened = {
        ...first,
        opens: 1,
        until: NOW + 15_000,
        laterUntil: NOW + 30_000,
        probeUntil: NOW + 60_000,
      }
      expect(await store.replace('openai', undefined, opened)).toBe(true)
      expect(await store.replace('simulated:simulated-429', undefined, first)).toBe(true)
      const all = await store.readAll()
      expect(all.get('openai')).toEqual({ ...opened, version: 1 })
      expect(all.get('simulated:simulated-429')).toEqual({ ...first, version: 1 })
      expect(await store.read('openai')).toEqual({ ...opened, version: 1 })
      expect(await store.read('anthropic')).toBeUndefined()
      // Fields that the next state does not have are deleted.
      expect(await store.replace('openai', all.get('openai'), first)).toBe(true)
      expect((await store.readAll()).get('openai')).toEqual({ ...first, version: 2 })
    })

    it('one of several concurrent writers that read the same state succeeds', async () => {
      const store = await open()
      const race = (seen?: Parameters<CircuitStore['replace']>[1]) =>
        Promise.all(Array.from({ length: 8 }, () => store.replace('openai', seen, first)))
      expect((await race()).filter(Boolean)).toHaveLength(1)
      const seen = (await store.readAll()).get('openai')
      expect((await race(seen)).filter(Boolean)).toHaveLength(1)
      expect((await race(seen)).filter(Boolean)).toHaveLength(0)
    })
  })
}
