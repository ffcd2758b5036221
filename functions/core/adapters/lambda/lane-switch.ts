import { LambdaClient, UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda'
import type { Lane } from '../../../contract.ts'
import { BugError, UnavailableError } from '../../domain/errors.ts'
import type { LaneSwitch } from '../../ports/lane-store.ts'
import { callLimits } from '../aws/call-limits.ts'
import { toPortError } from '../aws/failures.ts'

export type EventSourceIds = Partial<Readonly<Record<Lane, string>>>

/** Enables and disables a lane's event source mapping, which takes Lambda some seconds. */
export class EventSourceSwitch implements LaneSwitch {
  readonly #client = new LambdaClient({ maxAttempts: 3, requestHandler: callLimits() })
  readonly #ids: EventSourceIds

  constructor(ids: EventSourceIds) {
    this.#ids = ids
  }

  async turn(lane: Lane, isOn: boolean): Promise<void> {
    const UUID = this.#ids[lane]
    if (!UUID) throw new BugError(`This function has no event source of lane "${lane}".`)
    try {
      await this.#client.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: isOn }))
    } catch (cause) {
      // Temporary failures included: while an earlier change is in progress, Lambda refuses the next one for some seconds.
      const error = toPortError(cause, { service: `The event source of lane "${lane}"`, what: 'switch' })
      if (!(error instanceof UnavailableError)) throw error
      throw new UnavailableError(error.message, { cause, retryAfterMs: 5_000 })
    }
  }
}
