import { describe, expect, it } from 'vitest'
import type { TextPiece } from '../../functions/core/domain/text-piece.ts'
import type { TextStream } from '../../functions/core/ports/text-stream.ts'
import { makeTask } from '../fixtures/make-task.ts'

const task = makeTask(1_800_000_000_000)
const REAP_AT = 2_000_000_000
const at = (attempt: number, offset: number, text: string, take = 0): TextPiece => ({
  epoch: 1,
  attempt,
  take,
  offset,
  text,
})
const FIRST = { epoch: 1, attempt: 1, take: 0, offset: 0 }

/** What every store of watched text must do. `open` gives an empty one. */
export function textStreamContract(name: string, open: () => Promise<TextStream>): void {
  describe(`${name} meets the contract of a text stream`, () => {
    it('returns the pieces in order from a position on, in whatever order they were written', async () => {
      const stream = await open()
      const pieces = [at(1, 0, 'one '), at(1, 4, 'two '), at(1, 100, '三 😀')]
      for (const piece of pieces.toReversed()) await stream.append(task, piece, REAP_AT)
      expect(await stream.read(task, FIRST)).toEqual(pieces)
      expect(await stream.read(task, { ...FIRST, offset: 4 })).toEqual(pieces.slice(1))
      expect(await stream.read(task, { ...FIRST, offset: 101 })).toEqual([])
    })

    it('a later attempt or restart of the text comes after an earlier one, which is never returned again', async () => {
      const stream = await open()
      const pieces = [at(1, 0, 'a'), at(1, 0, 'b', 1), at(2, 0, 'c'), at(10, 0, 'd')]
      for (const piece of pieces) await stream.append(task, piece, REAP_AT)
      expect(await stream.read(task, { ...FIRST, offset: 1 })).toEqual(pieces.slice(1))
      expect(await stream.read(task, { ...FIRST, attempt: 2 })).toEqual(pieces.slice(2))
    })

    it('stores a piece once, separately for each task', async () => {
      const stream = await open()
      await stream.append(task, at(1, 0, 'a'), REAP_AT)
      await stream.append(task, at(1, 0, 'a'), REAP_AT)
      for (const other of [
        { ...task, id: 'other' },
        { ...task, tenant: 'other' },
        { ...task, createdAt: task.createdAt + 1 },
      ]) {
        expect(await stream.read(other, FIRST)).toEqual([])
        await stream.append(other, at(1, 0, 'x'), REAP_AT)
      }
      expect(await stream.read(task, FIRST)).toEqual([at(1, 0, 'a')])
    })
  })
}
