import { describe, expect, it } from 'vitest'
import { readWait } from '../../functions/api/submission.ts'
import { awaitChange } from '../../functions/core/application/tasks/await-change.ts'
import { MemoryWaitPlaces } from '../fixtures/memory-wait-places.ts'
import { ManualClock } from '../fixtures/world.ts'

function world(places: number) {
  const clock = new ManualClock(1_800_000_000_000)
  const looks: number[] = []
  const begin = clock.now()
  /** Waits until this time after the start. */
  const waitFor = (ms: number, seconds: number) =>
    awaitChange(
      dependencies,
      seconds,
      async () => {
        looks.push(clock.now() - begin)
        return clock.now() - begin
      },
      (now) => now >= ms,
    )
  const dependencies = { clock, places: new MemoryWaitPlaces(places) }
  return { clock, looks, waitFor, dependencies }
}

describe('waiting for a task', () => {
  it('reads at once, then at growing intervals, and returns the change', async () => {
    const { clock, looks, waitFor } = world(1)
    const waited = waitFor(5_000, 25)
    await clock.advance(30_000)
    expect(await waited).toEqual({ value: looks.at(-1), hasWaited: true })
    expect(looks.slice(0, 4)).toEqual([0, 100, 250, 475])
    expect(Math.max(...looks.map((at, index) => at - (looks[index - 1] ?? 0)))).toBeLessThanOrEqual(2_000)
    expect(looks.length).toBeLessThan(12)
  })

  it('returns the unchanged state in time, and never waits longer than the gateway', async () => {
    const { clock, looks, waitFor } = world(1)
    const waited = waitFor(60_000, 90)
    await clock.advance(25_000)
    expect(await waited).toEqual({ value: 25_000, hasWaited: true })
    expect(looks.length).toBeLessThan(25)
  })

  it('takes no place when there is nothing to wait for', async () => {
    const { dependencies, waitFor } = world(0)
    expect(await waitFor(0, 25)).toEqual({ value: 0, hasWaited: true })
    expect(await waitFor(5_000, 0)).toEqual({ value: 0, hasWaited: true })
    expect(await dependencies.places.take(0, 1)).toBeUndefined()
  })

  it('when all places are taken, the state is returned at once; a place is free again after a wait, also a failed one', async () => {
    const { clock, waitFor, dependencies } = world(1)
    const first = waitFor(3_000, 25)
    await clock.settle()
    expect(await waitFor(3_000, 25)).toEqual({ value: 0, hasWaited: false })
    await clock.advance(10_000)
    expect((await first).hasWaited).toBe(true)
    let looks = 0
    const failing = awaitChange(
      dependencies,
      25,
      async () => {
        looks += 1
        if (looks > 1) throw new Error('table away')
      },
      () => false,
    )
    const failed = expect(failing).rejects.toThrow('table away')
    await clock.advance(1_000)
    await failed
    expect(await dependencies.places.take(clock.now(), clock.now() + 1)).toBeDefined()
  })
})

describe('the header Prefer', () => {
  it.each([
    [undefined, 0],
    ['wait=5', 5],
    ['respond-async, Wait = 10', 10],
    ['wait="7"; foo=bar, wait=9', 7],
    ['wait=999999999999', 25],
    ['wait', 0],
    ['wait=-1', 0],
    ['wait=1.5', 0],
    ['foo="a, wait=20"', 0],
    ['foo="a, b", wait=3', 3],
    ['foo="a, wait=4', 4],
    ['return=minimal', 0],
    ['', 0],
  ])('%s: %s s', (header, seconds) => {
    expect(readWait(header)).toBe(seconds)
  })
})
