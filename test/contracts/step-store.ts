import { describe, expect, it } from 'vitest'
import type { KeptStep } from '../../functions/core/domain/step.ts'
import type { StepStore } from '../../functions/core/ports/step-store.ts'

const TASK = { tenant: 'acme', id: 'task-1' }
const REAP_AT = 2_000_000_000
const stepOf = (name: string, json: string, more: Partial<KeptStep> = {}): KeptStep => ({
  life: 'l1.1',
  name,
  inputsHash: 'a'.repeat(64),
  value: { json },
  epoch: 1,
  attempt: 1,
  startedAt: 1_000,
  endedAt: 2_000,
  ...more,
})

/** What every step store must do. `open` gives an empty one. */
export function stepStoreContract(name: string, open: () => Promise<StepStore>): void {
  describe(`${name} meets the contract of a step store`, () => {
    it('returns the stored steps of one run, oldest first', async () => {
      const store = await open()
      const usage = { inputTokens: 3, outputTokens: 4, costMicroUsd: null, provider: 'simulated' }
      const second = stepOf('第二 / two#', '"b"', { startedAt: 3_000, usage })
      const first = stepOf('one', '"a"')
      for (const step of [second, first]) expect(await store.keep(TASK, step, REAP_AT)).toEqual(step)
      await store.keep(TASK, stepOf('one', '"other life"', { life: 'l1.10' }), REAP_AT)
      await store.keep({ ...TASK, tenant: 'other' }, stepOf('foreign', '"c"'), REAP_AT)
      expect(await store.list(TASK, 'l1.1')).toEqual([first, second])
      expect(await store.list({ ...TASK, id: 'task-2' }, 'l1.1')).toEqual([])
    })

    it('of several writers of one key, the first value is stored and returned to all', async () => {
      const store = await open()
      const given = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          store.keep(TASK, stepOf('one', String(index), { attempt: index + 1 }), REAP_AT),
        ),
      )
      const [standing] = await store.list(TASK, 'l1.1')
      expect(new Set(given.map((step) => JSON.stringify(step.value)))).toEqual(
        new Set([JSON.stringify(standing?.value)]),
      )
    })

    it('different inputs are different steps', async () => {
      const store = await open()
      await store.keep(TASK, stepOf('one', '1'), REAP_AT)
      await store.keep(TASK, stepOf('one', '2', { inputsHash: 'b'.repeat(64) }), REAP_AT)
      expect(await store.list(TASK, 'l1.1')).toHaveLength(2)
    })

    it('deletes the steps of all runs of one task, and returns which', async () => {
      const store = await open()
      await store.keep(TASK, stepOf('one', '1'), REAP_AT)
      await store.keep(TASK, stepOf('one', '2', { life: 'l1.2' }), REAP_AT)
      await store.keep({ ...TASK, id: 'task-2' }, stepOf('one', '3'), REAP_AT)
      const gone = await store.removeAll(TASK)
      expect(gone.map(({ value }) => value).toSorted()).toHaveLength(2)
      expect(await store.removeAll(TASK)).toEqual([])
      expect(await store.list({ ...TASK, id: 'task-2' }, 'l1.1')).toHaveLength(1)
    })
  })
}
