import { beforeEach, describe, expect, it } from 'vitest'
import { type Addition, bucketOf, NO_TALLY_USAGE } from '../../functions/core/domain/tally.ts'
import type { TallyStore } from '../../functions/core/ports/tally-store.ts'

const AT = Date.parse('2026-11-25T21:30:00Z')
const HOUR_MS = 3_600_000
const USAGE = { inputTokens: 7, outputTokens: 3, costMicroUsd: 11, isUnpriced: false, hasUsage: true }

const addition = (changes: Partial<Addition> = {}): Addition => ({
  tenant: 'acme/ü#1',
  id: 'task0000000000000000000001',
  epoch: 1,
  finishedAt: AT,
  type: 'text.generate',
  model: 'gpt-4o',
  tags: [],
  provider: 'openai',
  status: 'COMPLETED',
  isLate: false,
  runMs: 1_000,
  waitMs: 50,
  usage: USAGE,
  before: NO_TALLY_USAGE,
  additions: 0,
  ...changes,
})

/** What every store of a tenant's counts per hour and day must do. `open` returns an empty one. */
export function tallyStoreContract(name: string, open: () => Promise<TallyStore>): void {
  describe(`${name} meets the contract of a tally store`, () => {
    let tallies: TallyStore
    beforeEach(async () => {
      tallies = await open()
    })
    const read = (period: 'hour' | 'day' = 'hour', since = AT, tenant = 'acme/ü#1') =>
      tallies.read(tenant, period, since)

    it('counts an end in its hour and its day once, however often and by however many callers it is added', async () => {
      await Promise.all(Array.from({ length: 5 }, () => tallies.add(addition())))
      expect(await tallies.add(addition())).toBe(1)
      for (const period of ['hour', 'day'] as const) {
        const rows = await read(period)
        expect(rows).toHaveLength(1)
        expect(rows[0]).toMatchObject({
          at: period === 'hour' ? '2026-11-25T21' : '2026-11-25',
          type: 'text.generate',
          model: 'gpt-4o',
          provider: 'openai',
          counts: { COMPLETED: 1 },
          users: 1,
          usage: USAGE,
        })
        expect([...(rows[0]?.runs ?? [])]).toEqual([[bucketOf(1_000), 1]])
        expect([...(rows[0]?.waits ?? [])]).toEqual([[bucketOf(50), 1]])
        const { at, type, model, provider, users, usage } = rows[0] ?? {}
        const used = await tallies.read('acme/ü#1', period, AT, 'usage')
        expect(used).toMatchObject([{ at, type, model, provider, users, usage }])
      }
    })

    it('sums the ends of one type and model, separately from others and for each tenant', async () => {
      const ids = Array.from({ length: 30 }, (_, n) => `task-${n}-${'abcdefgh'[n % 8]}${n % 5}`)
      await Promise.all(ids.map((id) => tallies.add(addition({ id }))))
      await tallies.add(addition({ id: 'other-1', type: 'example.run', model: '', usage: NO_TALLY_USAGE }))
      await tallies.add(
        addition({ id: 'other-2', status: 'FAILED', usage: NO_TALLY_USAGE, runMs: undefined }),
      )
      await tallies.add(addition({ id: 'foreign', tenant: 'acme/ü' }))
      await tallies.add(addition({ id: 'later', finishedAt: AT + HOUR_MS }))
      await tallies.add(addition({ id: 'earlier', finishedAt: AT - 2 * HOUR_MS }))
      const rows = (await read()).filter(({ at }) => at === '2026-11-25T21')
      const sum = (of: (row: (typeof rows)[number]) => number, type = 'text.generate') =>
        rows.filter((row) => row.type === type).reduce((total, row) => total + of(row), 0)
      expect(sum(({ counts }) => counts.COMPLETED ?? 0)).toBe(30)
      expect(sum(({ counts }) => counts.FAILED ?? 0)).toBe(1)
      expect(sum(({ usage }) => usage.costMicroUsd)).toBe(330)
      expect(sum(({ users }) => users)).toBe(30)
      expect(sum(({ counts }) => counts.COMPLETED ?? 0, 'example.run')).toBe(1)
      expect(new Set((await read()).map(({ at }) => at))).toEqual(new Set(['2026-11-25T21', '2026-11-25T22']))
      expect(await read('hour', AT, 'acme')).toEqual([])
    })

    it('counts usage under each tag once, and adds usage that is reported later', async () => {
      const tags = ['customer/ü#1', 'nightly', '__proto__']
      await Promise.all([1, 2, 3].map(() => tallies.add(addition({ tags }))))
      await tallies.add(addition({ id: 'other', tags: ['nightly'] }))
      await tallies.add(addition({ id: 'unused', tags: ['nightly', 'no-model'], usage: NO_TALLY_USAGE }))
      const more = { ...USAGE, inputTokens: 20, costMicroUsd: 30 }
      await tallies.add(addition({ tags, usage: more, before: USAGE, additions: 1, isLate: true }))
      for (const period of ['hour', 'day'] as const) {
        const rows = await tallies.readTags('acme/ü#1', period, AT)
        const of = (tag: string) => {
          const its = rows.filter((row) => row.tag === tag)
          return [
            its.reduce((sum, { users }) => sum + users, 0),
            its.reduce((sum, { usage }) => sum + usage.costMicroUsd, 0),
          ]
        }
        expect([of('customer/ü#1'), of('nightly'), of('__proto__'), of('no-model')]).toEqual([
          [1, 30],
          [2, 41],
          [1, 30],
          [0, 0],
        ])
        expect(rows[0]?.at).toBe(period === 'hour' ? '2026-11-25T21' : '2026-11-25')
      }
      expect((await read()).every(({ type }) => type === 'text.generate')).toBe(true)
      expect(await tallies.readTags('acme', 'hour', AT)).toEqual([])
    })

    it('adds usage that is reported later, in either order of writers, and does not count the end again', async () => {
      const more = { ...USAGE, inputTokens: 20, costMicroUsd: 30 }
      await tallies.add(addition({ usage: NO_TALLY_USAGE, status: 'CANCELLED' }))
      expect(await tallies.add(addition({ usage: more, status: 'CANCELLED' }))).toBe(2)
      // The writer with less usage is the last.
      await tallies.add(addition({ usage: NO_TALLY_USAGE, status: 'CANCELLED' }))
      const late = addition({ usage: { ...more, outputTokens: 9 }, before: more, additions: 2, isLate: true })
      await tallies.add({ ...late, status: 'CANCELLED' })
      const [row] = await read()
      expect(row).toMatchObject({ counts: { CANCELLED: 1 }, users: 1 })
      expect(row?.usage).toMatchObject({ inputTokens: 20, outputTokens: 9, costMicroUsd: 30 })
    })

    it('adds the savings of cheaper price tiers, each once', async () => {
      const saved = { ...USAGE, savedMicroUsd: 11 }
      await tallies.add(addition({ usage: saved }))
      await tallies.add(addition({ usage: saved }))
      await tallies.add(addition({ id: 'other', usage: USAGE }))
      const more = { ...saved, savedMicroUsd: 30, inputTokens: 20 }
      await tallies.add(addition({ usage: more, before: saved, additions: 1, isLate: true }))
      const rows = await read()
      expect(rows.reduce((sum, { usage }) => sum + (usage.savedMicroUsd ?? 0), 0)).toBe(30)
    })

    it('marks a sum with an unknown price', async () => {
      await tallies.add(addition({ usage: { ...USAGE, costMicroUsd: 0, isUnpriced: true } }))
      expect((await read())[0]?.usage.isUnpriced).toBe(true)
    })

    it('counts the end of the next epoch separately', async () => {
      await tallies.add(addition({ status: 'FAILED' }))
      tallies.confirm(addition())
      await tallies.add(
        addition({ epoch: 2, before: USAGE, additions: 1, usage: { ...USAGE, inputTokens: 10 } }),
      )
      expect((await read())[0]).toMatchObject({
        counts: { FAILED: 1, COMPLETED: 1 },
        users: 1,
        usage: { inputTokens: 10, outputTokens: 3 },
      })
    })
  })
}
