import { beforeEach, describe, expect, it } from 'vitest'
import type { ExpiredTask } from '../../functions/core/ports/expired-rows.ts'
import { makeTask } from '../fixtures/make-task.ts'
import type { WholeStore } from '../fixtures/world.ts'
import type { Bench } from './task-store.ts'

const NOW = 1_800_000_000_000
const key = { tenant: 'acme', id: 'task0000000000000000000001' }

/** What every store of expired rows must do. `open` returns an empty one. */
export function expiredRowsContract(name: string, open: () => Promise<Bench>): void {
  describe(`${name} meets the contract of a store of expired rows`, () => {
    let bench: Bench
    let store: WholeStore
    beforeEach(async () => {
      bench = await open()
      bench.setNow(NOW)
      store = bench.store
    })

    const end = NOW / 1_000 + 10
    const old = (id: string) => ({ id, status: 'COMPLETED', ttl: end, reapAt: end, writeId: id }) as const

    it('lists and deletes expired rows, and none that was written since', async () => {
      const kept = { status: 'COMPLETED', ttl: end + 100, reapAt: end + 100 } as const
      await store.create(makeTask(NOW))
      await store.create(makeTask(NOW, { id: 'kept', ...kept }))
      for (const id of ['old-1', 'old-2']) await store.create(makeTask(NOW, old(id)))
      bench.setNow((end + 1) * 1_000)
      const found = []
      for await (const { rows } of store.expired()) found.push(...rows)
      expect(found.map(({ id }) => id).sort()).toEqual(['old-1', 'old-2'])
      const [first] = found
      if (!first) throw new Error('nothing expired')
      // The same id was submitted again in the meantime: another row.
      await store.create(makeTask(NOW, { id: 'old-2', writeId: 'again' }))
      expect(await store.removeExpired({ ...first, id: 'old-1', writeId: 'old-1' })).toBe(true)
      expect(await store.removeExpired({ ...first, id: 'old-2', writeId: 'old-2' })).toBe(false)
      expect(await store.get({ ...key, id: 'old-2' })).toMatchObject({ writeId: 'again' })
      expect(await store.get({ ...key, id: 'kept' })).toMatchObject(kept)
    })

    it('a scan continues where an earlier one stopped', async () => {
      // A page of a real table is a megabyte.
      const input = { json: JSON.stringify('x'.repeat(300_000)) }
      const ids = Array.from({ length: 12 }, (_, n) => `old-${n}`)
      for (const id of ids) await store.create(makeTask(NOW, { ...old(id), input }))
      bench.setNow((end + 1) * 1_000)
      const found: string[] = []
      let from: string | undefined
      do {
        const { value } = await store.expired(from)[Symbol.asyncIterator]().next()
        found.push(...(value?.rows ?? []).map(({ id }: ExpiredTask) => id))
        from = value?.next
      } while (from !== undefined)
      expect(found.toSorted()).toEqual(ids.toSorted())
    })

    it('stores the position where a scan stopped', async () => {
      expect(await store.readWalk()).toBeUndefined()
      await store.writeWalk({ begunAt: NOW, next: 'there' })
      expect(await store.readWalk()).toEqual({ begunAt: NOW, next: 'there' })
      await store.writeWalk({ begunAt: NOW })
      expect(await store.readWalk()).toEqual({ begunAt: NOW })
    })
  })
}
