import { describe, expect, it } from 'vitest'
import {
  checkHealth,
  type HealthDependencies,
} from '../../functions/core/application/operate/check-health.ts'
import { UnavailableError } from '../../functions/core/domain/errors.ts'
import type { Payload } from '../../functions/core/domain/task.ts'

const NOW = 1_800_000_000_000

/** Everything works except what a test changes. */
function surroundings(changes: Partial<HealthDependencies> = {}): HealthDependencies {
  let kept = ''
  return {
    health: {
      probe: async () => undefined,
      recordSweep: async () => undefined,
      lastSweep: async () => NOW - 60_000,
    },
    depths: { depth: async () => ({ visible: 0, inFlight: 0, delayed: 0, deadLetters: 0 }) },
    payloads: {
      keep: async (_, __, json): Promise<Payload> => {
        kept = json
        return { key: 'payload/x', bytes: json.length, sha256: '' }
      },
      read: async () => kept,
    },
    clock: { now: () => NOW, random: () => 0, sleep: async () => undefined },
    ...changes,
  }
}
const { health } = surroundings()
const failing = async () => {
  throw new UnavailableError('It did not answer.')
}

describe('the deep health check', () => {
  it('is healthy when all its parts are, also before the sweeper’s first run', async () => {
    expect(await checkHealth(surroundings())).toMatchObject({ isOk: true, lastSweepAt: NOW - 60_000 })
    const early = surroundings({ health: { ...health, lastSweep: async () => undefined } })
    expect(await checkHealth(early)).toMatchObject({ isOk: true, lastSweepAt: undefined })
  })

  it.each([
    ['table', { health: { ...health, probe: failing } }],
    ['queues', { depths: { depth: failing } }],
    ['bucket', { payloads: { keep: failing, read: async (): Promise<string> => '' } }],
    [
      'bucket',
      { payloads: { keep: async () => ({ json: '1' }), read: async (): Promise<string> => 'another' } },
    ],
    ['sweeper', { health: { ...health, lastSweep: failing } }],
    ['sweeper', { health: { ...health, lastSweep: async () => NOW - 600_000 } }],
  ] as const)('names %s and still reports the other parts', async (name, changes) => {
    const { isOk, checks } = await checkHealth(surroundings(changes))
    expect(isOk).toBe(false)
    const failed = Object.entries(checks).filter(([, check]) => !check.isOk)
    expect(failed.map(([part]) => part)).toEqual([name])
    expect(failed[0]?.[1].message).not.toBe('ok')
  })
})
