import { TaskError } from '../../domain/errors.ts'
import type { CleanedUp, Upkeep } from '../../ports/upkeep.ts'
import { callLimits } from '../aws/call-limits.ts'
import { toPortError } from '../aws/failures.ts'

type Lambda = typeof import('@aws-sdk/client-lambda')

/** Slightly longer than the function's timeout. */
const REQUEST_MS = 150_000

/** Invokes the cleanup function and waits for its answer. The client is imported at the first call. */
export class LambdaUpkeep implements Upkeep {
  readonly #functionName: string | undefined
  #loaded: Promise<{ sdk: Lambda; client: InstanceType<Lambda['LambdaClient']> }> | undefined

  /** @param functionName left out on workers whose lane has no type that needs it. */
  constructor(functionName: string | undefined) {
    this.#functionName = functionName
  }

  async cleanUp(signal: AbortSignal): Promise<CleanedUp> {
    if (this.#functionName === undefined)
      throw new TaskError('This worker may not clean up: no type of its lane needs it.')
    const { sdk, client } = await this.#load()
    const command = new sdk.InvokeCommand({ FunctionName: this.#functionName, Payload: '{}' })
    const { FunctionError, Payload } = await client
      .send(command, { abortSignal: signal })
      .catch((cause: unknown) => {
        signal.throwIfAborted()
        throw toPortError(cause, { service: 'The function that cleans up', what: 'invoke' })
      })
    if (FunctionError)
      throw new TaskError('The function that cleans up failed; its own log says why.', {
        code: 'cleanup_failed',
        retry: 'counted',
      })
    return JSON.parse(Buffer.from(Payload ?? []).toString('utf8')) as CleanedUp
  }

  #load() {
    this.#loaded ??= import('@aws-sdk/client-lambda').then((sdk) => ({
      sdk,
      // One attempt: a second call after a lost answer would run concurrently with the first.
      client: new sdk.LambdaClient({ maxAttempts: 1, requestHandler: callLimits(REQUEST_MS) }),
    }))
    return this.#loaded
  }
}
