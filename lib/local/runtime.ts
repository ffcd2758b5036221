import { join } from 'node:path'
import { LocalConsole } from './console/console.ts'
import { openClients } from './emulator/clients.ts'
import { type Credentials, keysOf, newCredentials } from './emulator/credentials.ts'
import { Deployments } from './emulator/deployments.ts'
import { functionEnvironment } from './emulator/function-environment.ts'
import { Gateway } from './emulator/gateway/gateway.ts'
import { collectWhenIdle } from './emulator/idle-memory.mjs'
import type { FunctionPool } from './emulator/lambda/function-pool.ts'
import type { Observer } from './emulator/observer.ts'
import { PausedSources } from './emulator/paused-sources.ts'
import { readPepper } from './emulator/services/key-pepper.ts'
import { type Endpoints, startServices } from './emulator/services/start-services.ts'
import { openStateDir } from './emulator/state-dir.ts'
import type { Plan } from './emulator/template/plan.ts'
import type { LocalProduct } from './product.ts'

export interface RuntimeOptions {
  readonly product: LocalProduct
  /** The folder of a synthesized assembly; awaited while the services start. */
  readonly assemblyDir: string | Promise<string>
  /** Folder of everything that survives a restart, and of the logs. */
  readonly stateDir: string
  /** 0 for any free port. */
  readonly port: number
  /** Address at which the API listens; loopback by default. */
  readonly host?: string | undefined
  /** Variables with model keys and, for Bedrock, AWS credentials. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Delete all state first. */
  readonly isFresh?: boolean
  /**
   * Returns variables to add to a function's environment, from the services' addresses and the function's readable name: used by
   * tests that put a proxy before a service.
   */
  readonly functionEnv?: (endpoints: Endpoints, functionName: string) => Readonly<Record<string, string>>
  /** Returns the address of SQS for event sources. */
  readonly sourceEndpoint?: (endpoint: string) => string
  /** Awaited after the services have started and before anything uses them. */
  readonly onServices?: (endpoints: Endpoints, credentials: Credentials) => Promise<void>
  /** Most environments of a function without an event source. */
  readonly environmentLimit: number
  /** Shortens the timers' intervals, which in a template cannot be below a minute. 1 when left out. */
  readonly timerScale?: number
  readonly warn?: (text: string) => void
  /** Called when an alarm starts or ends. */
  readonly tell?: (text: string, isBad: boolean) => void
  readonly onLine?: (functionName: string, line: string) => void
  /** A debugger may stop a function at a breakpoint, so no function is ended by its timeout. */
  readonly isInspected?: boolean
}

export interface Runtime {
  readonly url: string
  readonly endpoints: Endpoints
  /** Credentials that requests to the embedded services must be signed with. */
  readonly credentials: Credentials
  readonly plan: Plan
  /** By readable name, e.g. `SweeperSweep`. */
  pool(name: string): FunctionPool
  /** Runs another assembly from now on; running work finishes on the previous one. */
  deploy(assemblyDir: string): Promise<void>
  stop(): Promise<void>
}

/**
 * Runs a synthesized assembly on this machine: embedded services with the real protocols, the template's resources
 * in them, its functions, event sources and timers, and its REST API on one loopback port.
 *
 * @throws Error with code EADDRINUSE when the port is taken, before any state is changed.
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { product, stateDir, env = {}, isFresh = false, warn = () => undefined } = options
  const { region } = product
  collectWhenIdle()
  // Until it has succeeded, a failed start stops everything that it has started, in reverse order.
  await using starting = new AsyncDisposableStack()
  let deployments: Deployments | undefined
  let look: Awaited<ReturnType<typeof startServices>>['look'] = async () => []
  const own = new LocalConsole({
    product,
    stateDir,
    deployment: () => deployments?.current,
    api: () => `http://127.0.0.1:${port}${product.apiPath}`,
    look: (names) => look(names),
    tell: options.tell ?? (() => undefined),
  })
  const gateway = new Gateway({
    port: options.port,
    host: options.host,
    region,
    home: product.docsPath,
    aside: (request, response, url) => own.handle(request, response, url),
    onAnswered: (status, latencyMs) => own.observer.answered(status, latencyMs),
  })
  const port = await gateway.listen()
  starting.defer(() => gateway.close())
  await openStateDir(stateDir, isFresh)
  const paused = new PausedSources(join(stateDir, 'paused-sources.json'), warn)
  const credentials = newCredentials()
  const pepper = await readPepper(stateDir)
  const [services] = await Promise.all([
    startServices(
      {
        stateDir,
        region,
        keys: keysOf(credentials, env),
        parameter: (name) =>
          name.endsWith(`/${product.randomParameter}`) ? pepper : env[product.variableOf(name)] || undefined,
        control: {
          turn: (id, isOn) => {
            if (!deployments?.current?.turnSource(id, isOn)) return false
            paused.note(id, isOn)
            return true
          },
          invoke: (arn, event) => deployments?.current?.poolOf(arn)?.invokeText(event),
        },
      },
      starting,
    ),
    paused.load(),
    own.load(),
  ])
  const { endpoints } = services
  look = services.look
  await options.onServices?.(endpoints, credentials)
  const clients = openClients(endpoints, credentials, region, starting)
  const { sourceEndpoint = (endpoint) => endpoint } = options
  const sources = openClients(
    { ...endpoints, sqs: sourceEndpoint(endpoints.sqs) },
    credentials,
    region,
    starting,
  )
  const observer: Observer = {
    wrote: (name, line) => {
      own.observer.wrote(name, line)
      options.onLine?.(name, line)
    },
    invoked: (name, outcome) => own.observer.invoked(name, outcome),
    answered: (status, latencyMs) => own.observer.answered(status, latencyMs),
  }
  const common = functionEnvironment(endpoints, credentials, region, env)
  starting.defer(() => own.stop())
  const running = new Deployments({
    clients,
    sqs: sources.sqs,
    sqsEndpoint: endpoints.sqs,
    region,
    stateDir,
    functionEnv: (name) => ({ ...common, ...options.functionEnv?.(endpoints, name) }),
    environmentLimit: options.environmentLimit,
    timerScale: options.timerScale ?? 1,
    isInspected: options.isInspected ?? false,
    pausedSources: paused.ids,
    warn,
    observer,
    onDeployed: (next) => {
      own.watch(next.plan)
      gateway.serve(next.plan.api, (name, event, take) => next.pool(name).invokeText(event, take))
    },
  })
  deployments = running
  starting.use(running)
  // At a stop, the gateway first refuses new requests, then running work may finish, and the services end last.
  starting.defer(() => gateway.close())
  await running.deploy(await options.assemblyDir)
  own.start()
  const stack = starting.move()
  return {
    url: `http://127.0.0.1:${port}`,
    endpoints,
    credentials,
    get plan() {
      return running.serving.plan
    },
    pool: (name) => running.serving.poolNamed(name),
    deploy: (assemblyDir) => running.deploy(assemblyDir),
    stop: () => stack.disposeAsync(),
  }
}
