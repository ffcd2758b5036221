import { callLimits } from '../aws/call-limits.ts'
import { toPortError } from '../aws/failures.ts'

type Ssm = typeof import('@aws-sdk/client-ssm')

/** A rotated key is used within this time, without a deploy. */
const MAX_AGE_MS = 5 * 60_000

/**
 * Reads model keys from SSM SecureString parameters and caches them. A name under `/aws/reference/secretsmanager/` reads
 * Secrets Manager by the same call.
 */
export class ParameterKeys {
  readonly #prefix: string
  readonly #now: () => number
  #loaded: Promise<{ sdk: Ssm; client: InstanceType<Ssm['SSMClient']> }> | undefined
  readonly #cache = new Map<string, { readonly value: Promise<string | undefined>; readonly until: number }>()

  constructor(prefix: string, now: () => number) {
    this.#prefix = prefix
    this.#now = now
  }

  /**
   * @returns the key, or undefined when the parameter does not exist.
   * @throws UnavailableError when SSM does not answer, MisconfiguredError when it refuses.
   */
  read(name: string): Promise<string | undefined> {
    const cached = this.#cache.get(name)
    if (cached && cached.until > this.#now()) return cached.value
    const value = this.#fetch(`${this.#prefix}${name}`)
    this.#cache.set(name, { value, until: this.#now() + MAX_AGE_MS })
    value.catch(() => this.#cache.delete(name))
    return value
  }

  async #fetch(Name: string): Promise<string | undefined> {
    this.#loaded ??= import('@aws-sdk/client-ssm').then((sdk) => ({
      sdk,
      client: new sdk.SSMClient({ maxAttempts: 3, requestHandler: callLimits() }),
    }))
    const { sdk, client } = await this.#loaded
    try {
      const { Parameter } = await client.send(new sdk.GetParameterCommand({ Name, WithDecryption: true }))
      return Parameter?.Value
    } catch (cause) {
      if (cause instanceof sdk.ParameterNotFound) return undefined
      throw toPortError(cause, { service: 'The parameter store', what: 'read' })
    }
  }
}
