import { describe, expect, it } from 'vitest'
import type { Lane } from '../../functions/contract.ts'
import { pauseLane, resumeLane } from '../../functions/core/application/operate/switch-lane.ts'
import { MemoryLanes } from '../fixtures/memory-lanes.ts'
import { ManualClock, makeWorld } from '../fixtures/world.ts'

/** Between any two steps of record and event source, other calls may run. */
function makeLane(next: () => Promise<void>) {
  const notes = new MemoryLanes()
  const lane = { isOn: true }
  const step = async <Value>(act: () => Promise<Value> | Value): Promise<Value> => {
    await next()
    const value = await act()
    await next()
    return value
  }
  return {
    lane,
    notes,
    dependencies: {
      lanes: {
        paused: () => notes.paused(),
        beginPause: (name: Lane, since: number) => step(() => notes.beginPause(name, since)),
        beginResume: (name: Lane, token: string) => step(() => notes.beginResume(name, token)),
        endPause: (name: Lane, token: string) => step(() => notes.endPause(name, token)),
        acceptsWork: (name: Lane) => step(() => notes.acceptsWork(name)),
      },
      laneSwitch: {
        turn: (_: Lane, isOn: boolean) =>
          step(() => {
            lane.isOn = isOn
          }),
      },
      ids: makeWorld().ids,
      clock: new ManualClock(1_000),
      log: () => undefined,
    },
  }
}

describe('concurrent pause and resume', () => {
  it('leave the event source in the recorded state, in any order of their steps', async () => {
    for (let seed = 1; seed <= 2_000; seed += 1) {
      let state = seed
      const chance = () => {
        state = (state * 48_271) % 2_147_483_647
        return state / 2_147_483_647
      }
      const waits = async () => {
        for (let turns = Math.floor(chance() * 6); turns > 0; turns -= 1) await Promise.resolve()
      }
      const { lane, notes, dependencies } = makeLane(waits)
      if (seed % 2 === 0) await pauseLane(dependencies, 'ai')
      await Promise.all([
        pauseLane(dependencies, 'ai'),
        resumeLane(dependencies, 'ai'),
        ...(seed % 3 === 0 ? [pauseLane(dependencies, 'ai')] : []),
        ...(seed % 5 === 0 ? [resumeLane(dependencies, 'ai')] : []),
      ])
      expect({ seed, isOn: lane.isOn }).toEqual({ seed, isOn: !notes.pauses.has('ai') })
    }
  })
})
