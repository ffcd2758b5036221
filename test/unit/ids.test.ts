import { describe, expect, it } from 'vitest'
import { createIds } from '../../functions/core/adapters/system/ids.ts'

describe('ids', () => {
  const ids = createIds(() => 1_800_000_000_000)

  it('a task id is 26 characters of one alphabet and sorts by time', () => {
    expect(ids.taskId()).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
    expect(createIds(() => 1).taskId() < ids.taskId()).toBe(true)
    expect(new Set(Array.from({ length: 1_000 }, () => ids.taskId())).size).toBe(1_000)
  })

  it('a derived id depends on tenant and key, and on the boundary between them', () => {
    const id = ids.derivedTaskId('acme', 'order-1')
    expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
    expect(createIds(() => 5).derivedTaskId('acme', 'order-1')).toBe(id)
    const others = [
      ids.derivedTaskId('acm', 'eorder-1'),
      ids.derivedTaskId('acme', 'order-2'),
      ids.derivedTaskId('', ''),
    ]
    expect(new Set([id, ...others]).size).toBe(4)
  })
})
