import { UnavailableError } from '../../domain/errors.ts'
import type { Clock } from '../../ports/clock.ts'

/** Retries a write for about 8 s, well within the lease, so that a short outage of the table loses no result already paid for. */
export async function retryUnavailable<Answer>(clock: Clock, write: () => Promise<Answer>): Promise<Answer> {
  for (let waitMs = 250; ; waitMs *= 2) {
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof UnavailableError) || waitMs > 4_000) throw error
      await clock.sleep(waitMs)
    }
  }
}
