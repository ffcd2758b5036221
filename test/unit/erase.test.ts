import { describe, expect, it } from 'vitest'
import { eraseTask } from '../../functions/core/application/data/erase-task.ts'
import { eraseTenant } from '../../functions/core/application/data/erase-tenant.ts'
import { UnavailableError } from '../../functions/core/domain/errors.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import { restart } from '../../functions/core/domain/transitions.ts'
import type { AuditLog } from '../../functions/core/ports/audit-log.ts'
import { recorded } from '../../functions/hosts/audit.ts'
import { MemoryStore } from '../fixtures/memory-store.ts'

const NOW = 1_800_000_000_000
const clock = { now: () => NOW }

const failed = {
  tenant: 'a',
  id: '01k0erased0000000000000001',
  type: 'text.generate',
  lane: 'ai',
  status: 'FAILED',
  epoch: 1,
  attempt: 1,
  maxAttempts: 4,
  input: { json: '{"prompt":"secret"}' },
  result: { json: '"secret"' },
  error: { code: 'task_failed', message: 'secret', retryable: true },
  progress: { percent: 50, message: 'secret' },
  tags: ['secret'],
  history: [],
  createdAt: NOW,
  claimableFrom: 0,
  queuedAt: NOW,
  sends: 1,
  writeId: 'w',
  bodyHash: 'h',
} as unknown as Task

async function world(task: Task = failed) {
  const store = new MemoryStore(clock.now)
  await store.create(task)
  const left = { beside: 3, objects: 2, failing: 0 }
  const rows = {
    removeBeside: async () => {
      if (left.failing-- > 0) throw new UnavailableError('down')
      return left.beside--
    },
  }
  const objects = { removeSome: async () => (left.objects > 0 ? left.objects-- : 0) }
  return { store, left, needs: { store, rows, objects, clock } }
}

describe('a finished task whose content is deleted', () => {
  it('has no content, and no dead letter or redrive restarts it', async () => {
    const { store, left, needs } = await world()
    const task = await eraseTask(needs, failed)
    expect(JSON.stringify(await store.get(failed))).not.toContain('secret')
    expect(left.objects).toBe(0)
    const again = await store.change(failed, restart(failed.epoch, NOW, ['FAILED']))
    expect(again.changed).toBe(false)
    // A second call changes nothing.
    expect((await eraseTask(needs, failed)).epoch).toBe(task.epoch)
  })

  it('is completed by the next call when the first one died after the row was written', async () => {
    const { left, needs } = await world()
    left.failing = 1
    await expect(eraseTask(needs, failed)).rejects.toThrow(UnavailableError)
    expect(left.objects).toBe(2)
    await eraseTask(needs, failed)
    expect(left.objects).toBe(0)
  })

  it('is refused while it runs, and while follow-ups of its end are open', async () => {
    const running = await world({ ...failed, status: 'PROCESSING' })
    await expect(eraseTask(running.needs, failed)).rejects.toThrow('Cancel it first')
    const owing = await world({ ...failed, pending: ['dead_letter'] })
    await expect(eraseTask(owing.needs, failed)).rejects.toThrow(UnavailableError)
    expect(JSON.stringify(await owing.store.get(failed))).toContain('secret')
  })
})

describe('a tenant of 30,000 rows', () => {
  it('is deleted in parts, and a lost call costs only its own part', async () => {
    const all = new Set(Array.from({ length: 30_000 }, (_, index) => `T#a#${index}`))
    const kept = 'K#mine'
    all.add(kept)
    const order = [...all]
    let objects = 5_500
    let at = NOW
    const needs = {
      clock: { now: () => at },
      rows: {
        async *rowsOf(_tenant: string, from = '0') {
          for (let start = Number(from); start < order.length; start += 1_000) {
            at += 1_000
            const rows = order.slice(start, start + 1_000).filter((pk) => all.has(pk))
            const next = start + 1_000
            yield {
              rows: rows.map((pk) => ({ pk, sk: 'S' })),
              ...(next < order.length ? { next: String(next) } : {}),
            }
          }
        },
        removeRow: async ({ pk }: { readonly pk: string }) => void all.delete(pk),
      },
      objects: {
        removeSome: async () => {
          at += 1_000
          const removed = Math.min(1_000, objects)
          objects -= removed
          return removed
        },
      },
    }
    let from: string | undefined
    let calls = 0
    do {
      calls += 1
      const slice = { from, stopAt: at + 4_500, isKept: (pk: string) => pk === kept }
      // Every third answer is lost, and the same call is repeated.
      if (calls % 3 === 0) await eraseTenant(needs, 'a', slice)
      from = (await eraseTenant(needs, 'a', { ...slice, stopAt: at + 4_500 })).next
    } while (from !== undefined)
    expect([...all]).toEqual([kept])
    expect(objects).toBe(0)
    expect(calls).toBeGreaterThan(3)
  })
})

describe('an action that is audited', () => {
  const log = () => undefined
  const deed = { tenant: 'a', by: 'k', action: 'POST /x' }
  const done = async () => ({ answer: 1, status: 200, details: {} })

  it('is not done when it cannot be recorded', async () => {
    let deeds = 0
    const audit: AuditLog = {
      begin: () => Promise.reject(new UnavailableError('down')),
      end: async () => undefined,
    }
    const count = async () => {
      deeds += 1
      return done()
    }
    await expect(recorded({ audit, log }, deed, count)).rejects.toThrow(UnavailableError)
    expect(deeds).toBe(0)
  })

  it('is recorded before it ends, and with its failure', async () => {
    const seen: unknown[] = []
    const audit: AuditLog = {
      begin: async ({ action }) => void seen.push(['begin', action]),
      end: async (_, { status }) => void seen.push(['end', status]),
    }
    await expect(
      recorded({ audit, log }, deed, async () => {
        seen.push('deed')
        throw new UnavailableError('down')
      }),
    ).rejects.toThrow()
    expect(seen).toEqual([['begin', 'POST /x'], 'deed', ['end', 503]])
    const unwritable = { ...audit, end: () => Promise.reject(new UnavailableError('down')) }
    expect(await recorded({ audit: unwritable, log }, deed, done)).toBe(1)
  })
})
