import { describe, expect, it } from 'vitest'
import type { LaneStore } from '../../functions/core/ports/lane-store.ts'

/** What every lane store must do. `open` gives an empty one. */
export function laneStoreContract(name: string, open: () => Promise<LaneStore>): void {
  describe(`${name} meets the contract of a lane store`, () => {
    const pauses = async (store: LaneStore) => Object.fromEntries(await store.paused())

    it('returns since when each paused lane is paused, and no other lane', async () => {
      const store = await open()
      expect(await pauses(store)).toEqual({})
      expect(await store.acceptsWork('ai')).toBe(true)
      await store.beginPause('ai', 1_000)
      await store.beginPause('email', 2_000)
      expect(await pauses(store)).toEqual({ ai: 1_000, email: 2_000 })
      expect(await store.acceptsWork('ai')).toBe(false)
      expect(await store.acceptsWork('demo')).toBe(true)
    })

    it('a second pause does not change when the pause began', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginPause('ai', 2_000)
      expect(await pauses(store)).toEqual({ ai: 1_000 })
    })

    it('during a resume, a lane accepts work and is still listed as paused until the resume ends', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginResume('ai', 'token-1')
      expect(await store.acceptsWork('ai')).toBe(true)
      expect(await pauses(store)).toEqual({ ai: 1_000 })
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({})
      expect(await store.acceptsWork('ai')).toBe(true)
    })

    it('a lane that is not paused can be resumed, which changes nothing', async () => {
      const store = await open()
      await store.beginResume('ai', 'token-1')
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({})
      // If that resume had been recorded, its token would end the pause that begins here.
      await store.beginPause('ai', 5_000)
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 5_000 })
    })

    it('a pause after the start of a resume stays: the end of that resume changes nothing', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginResume('ai', 'token-1')
      await store.beginPause('ai', 3_000)
      expect(await store.acceptsWork('ai')).toBe(false)
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 1_000 })
    })

    it('of two resumes, only the one that started last ends the pause', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginResume('ai', 'token-1')
      await store.beginResume('ai', 'token-2')
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 1_000 })
      await store.endPause('ai', 'token-2')
      expect(await pauses(store)).toEqual({})
    })

    it('a resume that is repeated after its end has no effect', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginResume('ai', 'token-1')
      await store.endPause('ai', 'token-1')
      await store.endPause('ai', 'token-1')
      await store.beginPause('ai', 2_000)
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 2_000 })
    })

    it('concurrent pauses are one pause', async () => {
      const store = await open()
      await Promise.all(Array.from({ length: 8 }, (_, n) => store.beginPause('ai', 1_000 + n)))
      const { ai } = await pauses(store)
      expect(ai).toBeGreaterThanOrEqual(1_000)
      await store.beginPause('ai', 9_000)
      expect(await pauses(store)).toEqual({ ai })
    })
  })
}
