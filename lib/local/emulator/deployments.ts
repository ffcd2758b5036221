import { Deployment, type DeploymentOptions } from './deployment.ts'
import { expireItems, expireObjects } from './services/expiry.ts'
import { type Clients, provision } from './services/provision.ts'
import { readAssembly } from './template/assembly.ts'
import { type Plan, planAssembly } from './template/plan.ts'

const ACCOUNT = '000000000000'
const EXPIRY_EVERY_MS = 10 * 60_000
const STOP_GRACE_MS = 3_000
/** One hour, for long stops at a breakpoint. */
const INSPECTED_MS = 3_600_000

export interface DeploymentsOptions extends Omit<DeploymentOptions, 'plan'> {
  readonly clients: Clients
  /** Address in the queues' URLs. */
  readonly sqsEndpoint: string
  /** Called with a new deployment before it takes any work. */
  readonly onDeployed: (deployment: Deployment) => void
}

/** The running versions: the latest one, and earlier ones that still finish their work. */
export class Deployments implements AsyncDisposable {
  readonly #options: DeploymentsOptions
  readonly #retiring = new Set<Deployment>()
  #current: Deployment | undefined
  #expiry: NodeJS.Timeout | undefined

  constructor(options: DeploymentsOptions) {
    this.#options = options
  }

  /** Undefined before the first deployment. */
  get current(): Deployment | undefined {
    return this.#current
  }

  /** @throws Error before the first deployment. */
  get serving(): Deployment {
    if (!this.#current) throw new Error('Nothing is deployed.')
    return this.#current
  }

  /** Runs an assembly from now on; running work finishes on the previous one. */
  async deploy(assemblyDir: string): Promise<void> {
    const { clients, onDeployed, warn } = this.#options
    const plan = await this.#plan(assemblyDir)
    await provision(plan, clients)
    const next = await Deployment.create({ ...this.#options, plan })
    const previous = this.#current
    this.#current = next
    onDeployed(next)
    next.start()
    this.#expiry ??= setInterval(() => this.#expire(), EXPIRY_EVERY_MS)
    if (!previous) return
    this.#retiring.add(previous)
    void previous
      .retire()
      .catch((cause: Error) => warn(`The old version: ${cause.message}`))
      .finally(() => this.#retiring.delete(previous))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#expiry)
    const all = [...(this.#current ? [this.#current] : []), ...this.#retiring]
    await Promise.all(all.map((item) => item.stop(STOP_GRACE_MS)))
  }

  async #plan(assemblyDir: string): Promise<Plan> {
    const { region, sqsEndpoint, isInspected } = this.#options
    const plan = planAssembly(await readAssembly(assemblyDir), { region, accountId: ACCOUNT, sqsEndpoint })
    if (!isInspected) return plan
    return { ...plan, functions: plan.functions.map((item) => ({ ...item, timeoutMs: INSPECTED_MS })) }
  }

  /** The expiry that DynamoDB and S3 do by themselves. */
  async #expire(): Promise<void> {
    const { clients, warn } = this.#options
    try {
      for (const table of this.#current?.plan.tables ?? []) await expireItems(table, clients.dynamo)
      for (const bucket of this.#current?.plan.buckets ?? []) await expireObjects(bucket, clients.s3)
    } catch (cause) {
      warn(`Expiry: ${(cause as Error).message}`)
    }
  }
}
