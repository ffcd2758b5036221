import { describe, expect, it } from 'vitest'
import { explainTask } from '../../functions/core/application/operate/explain-task.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { MemoryCircuits } from '../fixtures/memory-circuits.ts'
import { MemoryLanes } from '../fixtures/memory-lanes.ts'
import { MemoryStore } from '../fixtures/memory-store.ts'
import { MemoryWorkerSlots } from '../fixtures/memory-worker-slots.ts'

const NOW = Date.UTC(2026, 0, 1)

async function explain(
  changes: Partial<Task>,
  depth: { readonly visible: number; readonly inFlight: number },
) {
  const task = makeTask(NOW - 120_000, { model: null, ...changes })
  const store = new MemoryStore(() => NOW)
  await store.create(task)
  return explainTask(
    {
      store,
      depths: { depth: async () => ({ ...depth, delayed: 0, oldestMs: 0 }) } as never,
      circuits: new MemoryCircuits(),
      lanes: new MemoryLanes(),
      workerSlots: new MemoryWorkerSlots(),
      clock: { now: () => NOW, random: () => 0.5, sleep: async () => undefined },
      circuitOf: () => undefined,
    },
    task,
  )
}

describe('a queued task that is overdue', () => {
  it('is reported as lost only when its lane contains no message', async () => {
    expect(await explain({}, { visible: 0, inFlight: 0 })).toMatchObject({ gate: 'lost' })
    expect(await explain({}, { visible: 3, inFlight: 0 })).toMatchObject({ gate: 'queue' })
    // A worker that could not start leaves them invisible for minutes.
    const held = await explain({}, { visible: 0, inFlight: 3 })
    expect(held).toMatchObject({ gate: 'queue', nextAt: expect.any(Number) })
    expect(held.message).toContain('one of the 3 that are being worked on or come back by themselves')
  })
})

describe('a task that failed', () => {
  it.each([
    ['content_refused', 'The same input meets the same refusal: submit it changed.'],
    ['provider_unavailable', 'runs it again', true],
    ['provider_unauthorized', 'runs it again'],
    // An author's own code.
    ['document_damaged', 'The same input fails again until its cause is removed'],
  ])('with %s shows what helps', async (code, way, retryable = false) => {
    const error = { code, message: 'Said so.', retryable }
    const changes = { status: 'FAILED', attempt: 1, finishedAt: NOW, error } as const
    const { message } = await explain(changes, { visible: 0, inFlight: 0 })
    expect(message).toContain(way)
    expect(/redrive/.test(message)).toBe(code.startsWith('provider_'))
  })
})
