import { beforeEach, describe, expect, it } from 'vitest'
import type { DueEntry, DueItem, DuePart } from '../../functions/core/ports/due-index.ts'
import { makeTask } from '../fixtures/make-task.ts'
import type { WholeStore } from '../fixtures/world.ts'
import type { Bench } from './task-store.ts'

const NOW = 1_800_000_000_000

/** What every due index must do. `open` gives an empty one. */
export function dueIndexContract(name: string, open: () => Promise<Bench>): void {
  describe(`${name} meets the contract of a due index`, () => {
    let bench: Bench
    let store: WholeStore
    beforeEach(async () => {
      bench = await open()
      bench.setNow(NOW)
      store = bench.store
    })

    const ids = Array.from({ length: 40 }, (_, n) => `task-${n}-${'abcdefgh'[n % 8]}${n % 5}`)
    const read = async (upTo: number, part?: DuePart) => {
      const found: (DueEntry | DueItem)[] = []
      for (const pages of store.shards('timed', upTo, part))
        for await (const page of pages) found.push(...page)
      return found
    }

    it('divides the entries between parts that together return each entry once', async () => {
      for (const [n, id] of ids.entries())
        await store.create(makeTask(NOW, { id, dueKind: 'timed', dueAt: NOW + n }))
      await store.create(makeTask(NOW, { id: 'queued', dueKind: 'queued', dueAt: NOW }))
      const parts = await Promise.all([0, 1, 2, 3].map((index) => read(NOW + 100, { index, of: 4 })))
      expect(
        parts
          .flat()
          .map(({ id }) => id)
          .toSorted(),
      ).toEqual(ids.toSorted())
      expect((await read(NOW + 100)).map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
      expect((await read(NOW + 4)).map(({ id }) => id).toSorted()).toEqual(ids.slice(0, 5).toSorted())
    })

    it('returns the fields of a task that the sweeper needs, and the first entries of each shard', async () => {
      await store.create(makeTask(NOW, { id: 'one', dueKind: 'queued', dueAt: NOW + 5, startBy: NOW + 7 }))
      const [entry] = await store.first('queued', 10)
      expect(entry).toMatchObject({ item: 'task', tenant: 'acme', id: 'one', epoch: 1, lane: 'ai' })
      expect(entry).toMatchObject({ status: 'PENDING', dueAt: NOW + 5, startBy: NOW + 7, sends: 1 })
      expect(await store.first('timed', 10)).toEqual([])
    })
  })
}
