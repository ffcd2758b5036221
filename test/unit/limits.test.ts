import { describe, expect, it } from 'vitest'
import { setLimits, showLimits } from '../../functions/core/application/limits/change-limits.ts'
import { admitTask } from '../../functions/core/application/submit/admit-task.ts'
import { effectiveLimits, type OwnLimits, type TenantLimits } from '../../functions/core/domain/limits.ts'
import { MemoryMeter } from '../fixtures/memory-meter.ts'
import { makeWorld } from '../fixtures/world.ts'

const STAGE: TenantLimits = { openTasks: 10, burst: 5, submitsPerMinute: 5, budget: { usdPerDay: 2 } }

function open(stageLimits = STAGE) {
  const { clock, store } = makeWorld()
  const rows = new Map<string, OwnLimits>()
  const limitStore = {
    read: async (tenant: string) => rows.get(tenant),
    write: async (tenant: string, limits: OwnLimits) => void rows.set(tenant, limits),
  }
  const meter = new MemoryMeter()
  const needs = { limitStore, meter, stageLimits, clock }
  const admit = (tenant: string, more: object = {}) =>
    admitTask(
      {
        meter,
        store,
        limits: effectiveLimits(stageLimits, rows.get(tenant)),
        clock,
        log: () => undefined,
      },
      { tenant, id: `t${Math.random()}`, model: 'gpt-4o', worstMicroUsd: 500_000, ...more },
    )
  return { needs, admit }
}
const of = (tenant: string) => ({ tenant, keyId: 'k', scopes: ['keys:admin'] as const })

describe('limits of a tenant', () => {
  it('are the stage’s until the tenant has its own, and show how much of them is used', async () => {
    const { needs, admit } = open()
    await admit('acme')
    expect(await showLimits(needs, of('acme'))).toMatchObject({
      limits: { openTasks: 10, usdPerDay: 2, usdPerMonth: undefined },
      own: [],
      openTasks: 1,
      budget: [{ limit: 'usd_per_day', limitUsd: 2, spentUsd: 0, heldUsd: 0.5, leftUsd: 1.5 }],
    })
    await setLimits(needs, of('acme'), { usdPerDay: 1, payloadBytes: 100 })
    expect(await showLimits(needs, of('acme'))).toMatchObject({ own: ['payloadBytes', 'usdPerDay'] })
    await admit('acme')
    await expect(admit('acme')).rejects.toMatchObject({ code: 'budget_exhausted' })
    await expect(admit('acme', { worstMicroUsd: 0, inputBytes: 101 })).rejects.toMatchObject({
      code: 'payload_too_large',
      errors: [{ path: 'input', message: expect.stringContaining('payload_bytes') }],
    })
    // A limit that is left out is the stage's again.
    await setLimits(needs, of('acme'), {})
    await admit('acme')
  })

  it('are lowered by the tenant itself, and raised only by operators', async () => {
    const { needs } = open()
    await expect(setLimits(needs, of('acme'), { openTasks: 11, usdPerDay: 3 })).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'open_tasks' }, { path: 'usd_per_day' }],
    })
    await expect(setLimits(needs, of('acme'), { openTasks: 1 }, 'other')).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(showLimits(needs, of('acme'), 'other')).rejects.toMatchObject({ code: 'forbidden' })
    const raised = await setLimits(needs, of('default'), { openTasks: 500, usdPerDay: 30 }, 'acme')
    expect(raised).toMatchObject({ tenant: 'acme', limits: { openTasks: 500, usdPerDay: 30 } })
    expect(await showLimits(needs, of('other'))).toMatchObject({ limits: { openTasks: 10 } })
  })

  it('do not combine the stage’s burst with a rate of their own', () => {
    expect(effectiveLimits(STAGE, { submitsPerMinute: 60 })).toMatchObject({
      submitsPerMinute: 60,
      openTasks: 10,
    })
    expect(effectiveLimits(STAGE, { submitsPerMinute: 60 }).burst).toBeUndefined()
  })
})
