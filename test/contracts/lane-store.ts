import { describe, expect, it } from 'vitest'
import type { LaneStore } from '../../functions/core/ports/lane-store.ts'

/** What every lane store must do. `open` gives an empty one. */
export function laneStoreContract(name: string, open: () => Promise<LaneStore>): void {
  describe(`${name} keeps the contract of a lane store`, () => {
    const pauses = async (store: LaneStore) => Object.fromEntries(await store.paused())

    it('knows since when a lane is paused; the others are not', async () => {
      const store = await open()
      expect(await pauses(store)).toEqual({})
      expect(await store.acceptsWork('ai')).toBe(true)
      await store.beginPause('ai', 1_000)
      await store.beginPause('email', 2_000)
      expect(await pauses(store)).toEqual({ ai: 1_000, email: 2_000 })
      expect(await store.acceptsWork('ai')).toBe(false)
      expect(await store.acceptsWork('demo')).toBe(true)
    })

    it('of two who pause a lane the first began the pause', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginPause('ai', 2_000)
      expect(await pauses(store)).toEqual({ ai: 1_000 })
    })

    it('while a lane is being resumed it is meant to run, and paused until the end of that', async () => {
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
      // What was noted then would end a pause that begins now.
      await store.beginPause('ai', 5_000)
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 5_000 })
    })

    it('a pause after the begin of a resume stands: that resume ends nothing', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginResume('ai', 'token-1')
      await store.beginPause('ai', 3_000)
      expect(await store.acceptsWork('ai')).toBe(false)
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 1_000 })
    })

    it('of two resumes the one that began last ends the pause', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginResume('ai', 'token-1')
      await store.beginResume('ai', 'token-2')
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 1_000 })
      await store.endPause('ai', 'token-2')
      expect(await pauses(store)).toEqual({})
    })

    it('a resume that was repeated after its end does no harm', async () => {
      const store = await open()
      await store.beginPause('ai', 1_000)
      await store.beginResume('ai', 'token-1')
      await store.endPause('ai', 'token-1')
      await store.endPause('ai', 'token-1')
      await store.beginPause('ai', 2_000)
      await store.endPause('ai', 'token-1')
      expect(await pauses(store)).toEqual({ ai: 2_000 })
    })

    it('pauses of many at once are one pause', async () => {
      const store = await open()
      await Promise.all(Array.from({ length: 8 }, (_, n) => store.beginPause('ai', 1_000 + n)))
      const { ai } = await pauses(store)
      expect(ai).toBeGreaterThanOrEqual(1_000)
      await store.beginPause('ai', 9_000)
      expect(await pauses(store)).toEqual({ ai })
    })
  })
}
