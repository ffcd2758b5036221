import { LIMITS } from '../../../contract.ts'
import type { Clock } from '../../ports/clock.ts'
import type { WaitPlaces } from '../../ports/wait-places.ts'

/** Intervals between reads grow: a short task's end is seen at once, a long task costs one read every two seconds. */
const FIRST_LOOK_MS = 100
const MAX_LOOK_MS = 2_000
const INTERVAL_GROWTH = 1.5

export interface WaitResult<Value> {
  readonly value: Value
  /** True when the change was seen or the time is over. False when no place to wait was free. */
  readonly hasWaited: boolean
}

/**
 * Reads until the value is sufficient (`isEnough`), or the time is over. A value that is sufficient at once takes no place.
 *
 * @param seconds 0 to `LIMITS.waitSeconds`.
 * @param read reads once; its errors are thrown to the caller.
 */
export async function awaitChange<Value>(
  { places, clock }: { readonly places: WaitPlaces; readonly clock: Clock },
  seconds: number,
  read: () => Promise<Value>,
  isEnough: (value: Value) => boolean,
): Promise<WaitResult<Value>> {
  const now = clock.now()
  const until = now + Math.min(seconds, LIMITS.waitSeconds) * 1_000
  let value = await read()
  if (isEnough(value) || until <= now) return { value, hasWaited: true }
  // The place is held until after the last read and the answer.
  const place = await places.take(now, until + MAX_LOOK_MS)
  if (!place) return { value, hasWaited: false }
  try {
    for (let lookMs = FIRST_LOOK_MS; !isEnough(value) && clock.now() < until; ) {
      await clock.sleep(Math.min(lookMs, until - clock.now()))
      value = await read()
      lookMs = Math.min(MAX_LOOK_MS, lookMs * INTERVAL_GROWTH)
    }
    return { value, hasWaited: true }
  } finally {
    // A place that is not freed expires by itself.
    await place.leave().catch(() => undefined)
  }
}
