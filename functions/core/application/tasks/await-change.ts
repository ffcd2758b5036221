import { LIMITS } from '../../../contract.ts'
import type { Clock } from '../../ports/clock.ts'
import type { WaitPlaces } from '../../ports/wait-places.ts'

/** Looks grow apart: a quick task is seen at once, a long one costs a read every two seconds. */
const FIRST_LOOK_MS = 100
const LONGEST_LOOK_MS = 2_000
const GROWTH = 1.5

export interface Waited<Value> {
  readonly value: Value
  /** What was waited for has come, or the time is over. False: there was no place to wait. */
  readonly hasWaited: boolean
}

/**
 * Looks until what is seen is enough, or the time is over. Who need not wait takes no place.
 *
 * @param seconds 0 to `LIMITS.waitSeconds`.
 * @param read looks once; its failures are the caller's.
 */
export async function awaitChange<Value>(
  { places, clock }: { readonly places: WaitPlaces; readonly clock: Clock },
  seconds: number,
  read: () => Promise<Value>,
  isEnough: (value: Value) => boolean,
): Promise<Waited<Value>> {
  const now = clock.now()
  const until = now + Math.min(seconds, LIMITS.waitSeconds) * 1_000
  let value = await read()
  if (isEnough(value) || until <= now) return { value, hasWaited: true }
  // The last look and the answer come after the time is over.
  const place = await places.take(now, until + LONGEST_LOOK_MS)
  if (!place) return { value, hasWaited: false }
  try {
    for (let lookMs = FIRST_LOOK_MS; !isEnough(value) && clock.now() < until; ) {
      await clock.sleep(Math.min(lookMs, until - clock.now()))
      value = await read()
      lookMs = Math.min(LONGEST_LOOK_MS, lookMs * GROWTH)
    }
    return { value, hasWaited: true }
  } finally {
    // A place that is not given back is free by the clock.
    await place.leave().catch(() => undefined)
  }
}
