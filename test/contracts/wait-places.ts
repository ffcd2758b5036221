import { describe, expect, it } from 'vitest'
import type { WaitPlaces } from '../../functions/core/ports/wait-places.ts'

/** What every store of places for waiting requests must do. */
export function waitPlacesContract(name: string, open: (places: number) => Promise<WaitPlaces>): void {
  describe(`${name} meets the contract of places for waiting requests`, () => {
    it('gives each place to one caller, also when all ask at once', async () => {
      const places = await open(3)
      const taken = await Promise.all(Array.from({ length: 20 }, () => places.take(1_000, 26_000)))
      expect(taken.filter((place) => place !== undefined).length).toBe(3)
    })

    it('a place is free after it is returned, or when its time has passed', async () => {
      const places = await open(1)
      const place = await places.take(1_000, 26_000)
      expect(await places.take(2_000, 27_000)).toBeUndefined()
      await place?.leave()
      expect(await places.take(3_000, 28_000)).toBeDefined()
      expect(await places.take(27_999, 50_000)).toBeUndefined()
      expect(await places.take(28_000, 53_000)).toBeDefined()
    })

    it('a caller that returns its place late does not affect the next holder', async () => {
      const places = await open(1)
      const late = await places.take(1_000, 26_000)
      await places.take(26_000, 51_000)
      await late?.leave()
      expect(await places.take(30_000, 60_000)).toBeUndefined()
    })

    it('a reader that reconnects takes over its own place, and the old connection can detect it', async () => {
      const places = await open(1)
      const cutOff = await places.take(1_000, 26_000)
      const again = await places.take(2_000, 27_000, cutOff?.id)
      expect([await cutOff?.isHeld(), await again?.isHeld()]).toEqual([false, true])
      await cutOff?.leave()
      expect(await places.take(3_000, 28_000)).toBeUndefined()
      // A reader whose place another reader has now takes any free place.
      expect(await places.take(3_000, 28_000, cutOff?.id)).toBeUndefined()
      for (const id of ['', 'nonsense', '99-x', '-1-x', '0-'])
        expect(await places.take(3_000, 28_000, id)).toBeUndefined()
      expect(await places.take(27_000, 52_000, cutOff?.id)).toBeDefined()
    })

    it('without places nobody can wait', async () => {
      const places = await open(0)
      expect(await places.take(1_000, 26_000)).toBeUndefined()
    })
  })
}
