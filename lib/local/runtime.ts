import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { KEY_PEPPER } from '../../functions/contract.ts'
import { LocalConsole } from './console/console.ts'
import { Deployment } from './deployment.ts'
import { Gateway } from './gateway/gateway.ts'
import { collectWhenIdle } from './idle-memory.mjs'
import type { FunctionPool } from './lambda/function-pool.ts'
import type { Observer } from './observer.ts'
import { replaceFile } from './replace-file.ts'
import { startControl } from './services/control.ts'
import { expireItems, expireObjects } from './services/expiry.ts'
import { readPepper } from './services/key-pepper.ts'
import { startOutbox } from './services/outbox.ts'
import { startParameters } from './services/parameters.ts'
import { provision } from './services/provision.ts'
import { type ServiceThread, startService } from './services/service.ts'
import type { Keys } from './services/signature.ts'
import { readAssembly } from './template/assembly.ts'
import { type Plan, planAssembly } from './template/plan.ts'

export interface RuntimeOptions {
  /** Gives the folder of a synthesized assembly; awaited while the services start. */
  readonly assemblyDir: string | Promise<string>
  /** Everything that survives a restart, and the logs. */
  readonly stateDir: string
  /** 0 for any free one. */
  readonly port: number
  /** Where the API listens; loopback by default. */
  readonly host?: string | undefined
  /** Model keys and, for Bedrock, AWS credentials are taken from here. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Forget all state first. */
  readonly isFresh?: boolean
  /**
   * Added to a function's environment, given where the services are and its readable name: a test puts a proxy before
   * one of them.
   */
  readonly functionEnv?: (endpoints: Endpoints, functionName: string) => Readonly<Record<string, string>>
  /** Where the event sources find SQS, given where it is. */
  readonly sourceEndpoint?: (endpoint: string) => string
  /** Awaited once the services stand and before anything uses them. */
  readonly onServices?: (endpoints: Endpoints, credentials: Credentials) => Promise<void>
  /** Environments per function that no event source limits. */
  readonly environmentLimit: number
  /** Shortens the rates of the timers, which a template cannot have below a minute. 1 when left out. */
  readonly timerScale?: number
  readonly warn?: (text: string) => void
  /** Told of alarms that go on and off. */
  readonly tell?: (text: string, isBad: boolean) => void
  /** Told of every line that a function writes. */
  readonly onLine?: (functionName: string, line: string) => void
  /** Somebody may hold a function at a breakpoint: none is ended for taking long. */
  readonly isInspected?: boolean
}

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Where the embedded services listen. */
export interface Endpoints {
  readonly dynamodb: string
  readonly sqs: string
  readonly s3: string
  readonly ssm: string
  /** Lambda's own API. */
  readonly lambda: string
  readonly ses: string
}

export interface Runtime {
  readonly url: string
  readonly endpoints: Endpoints
  /** What the embedded services want requests to be signed with. */
  readonly credentials: Credentials
  readonly plan: Plan
  /** By readable name, e.g. `SweeperSweep`. */
  pool(name: string): FunctionPool
  /** Runs another assembly from here on; what is in hand finishes on the old one. */
  deploy(assemblyDir: string): Promise<void>
  stop(): Promise<void>
}

const REGION = 'eu-central-1'
const ACCOUNT = '000000000000'
const EXPIRY_EVERY_MS = 10 * 60_000
const STOP_GRACE_MS = 3_000
/** A lunch at a breakpoint. */
const INSPECTED_MS = 3_600_000

/**
 * Runs a synthesized assembly on this machine: embedded services with the real protocols, what the template declares
 * in them, its functions, event sources and timers, its REST API on one loopback port.
 *
 * @throws Error with code EADDRINUSE when the port is taken, before any state is touched.
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { stateDir, env = {}, warn = () => undefined } = options
  collectWhenIdle()
  let current: Deployment | undefined
  let look: ServiceThread['look'] = async () => []
  const own = new LocalConsole({
    stateDir,
    deployment: () => current,
    api: () => `http://127.0.0.1:${port}/api/v1`,
    look: (names) => look(names),
    tell: options.tell ?? (() => undefined),
  })
  const gateway = new Gateway({
    port: options.port,
    host: options.host,
    home: '/api/v1/docs',
    aside: (request, response, url) => own.handle(request, response, url),
    onAnswered: (status, latencyMs) => own.observer.answered(status, latencyMs),
  })
  const port = await gateway.listen()
  const stops: (() => Promise<unknown>)[] = [() => gateway.close()]
  const stopAll = async () => {
    for (const stop of stops.splice(0)) await stop()
  }
  try {
    if (options.isFresh) await forget(stateDir)
    // Prompts, answers and logs lie in it: nobody else on this machine may look.
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    await chmod(stateDir, 0o700)
    const paused = new PausedSources(join(stateDir, 'paused-sources.json'), warn)
    await paused.load()
    const credentials = newCredentials()
    const pepper = await readPepper(stateDir)
    const keys = keysOf(credentials, env)
    const [dynamo, queues, parameters, outbox, control] = await Promise.all([
      startService({ kind: 'dynamodb', directory: join(stateDir, 'table'), region: REGION, keys }),
      startService({ kind: 'sqs-s3', directory: join(stateDir, 'sqs-s3'), region: REGION, keys }),
      startParameters(
        (name) => (name.endsWith(`/${KEY_PEPPER}`) ? pepper : env[variableOf(name)] || undefined),
        keys,
      ),
      startOutbox(join(stateDir, 'outbox'), keys),
      startControl((id, isOn) => {
        if (!current?.turnSource(id, isOn)) return false
        paused.note(id, isOn)
        return true
      }, keys),
      own.load(),
    ])
    look = (names) => queues.look(names)
    const services = [dynamo, queues, parameters, outbox, control]
    const endpoints = {
      dynamodb: dynamo.endpoint,
      sqs: queues.endpoint,
      s3: queues.endpoint,
      ssm: parameters.endpoint,
      lambda: control.endpoint,
      ses: outbox.endpoint,
    }
    await options.onServices?.(endpoints, credentials)
    const clients = openClients(endpoints, credentials)
    const sourceSqs = options.sourceEndpoint
      ? openClients({ ...endpoints, sqs: options.sourceEndpoint(endpoints.sqs) }, credentials).sqs
      : clients.sqs
    const toPlan = async (directory: string): Promise<Plan> => {
      const plan = planAssembly(await readAssembly(directory), {
        region: REGION,
        accountId: ACCOUNT,
        sqsEndpoint: endpoints.sqs,
      })
      if (!options.isInspected) return plan
      return { ...plan, functions: plan.functions.map((item) => ({ ...item, timeoutMs: INSPECTED_MS })) }
    }
    const observer: Observer = {
      wrote: (name, line) => {
        own.observer.wrote(name, line)
        options.onLine?.(name, line)
      },
      invoked: (name, outcome) => own.observer.invoked(name, outcome),
      answered: (status, latencyMs) => own.observer.answered(status, latencyMs),
    }
    stops.push(async () => {
      for (const client of [...Object.values(clients), sourceSqs]) client.destroy()
      await Promise.all(services.map((service) => service.stop()))
    })

    const bring = async (directory: string): Promise<Deployment> => {
      const plan = await toPlan(directory)
      await provision(plan, clients)
      const common = environmentOf(endpoints, env, credentials)
      const functionEnv = (name: string) => ({ ...common, ...options.functionEnv?.(endpoints, name) })
      const { environmentLimit, timerScale = 1, isInspected = false } = options
      const next = await Deployment.create({
        plan,
        region: REGION,
        stateDir,
        sqs: sourceSqs,
        functionEnv,
        environmentLimit,
        timerScale,
        isInspected,
        pausedSources: paused.ids,
        warn,
        observer,
      })
      own.watch(plan)
      next.start()
      gateway.serve(plan.api, (name, event, take) => next.pool(name).invokeText(event, take))
      return next
    }
    const retiring = new Map<Deployment, Promise<void>>()
    let serving = await bring(await options.assemblyDir)
    current = serving
    own.start()
    const expire = async () => {
      for (const table of serving.plan.tables) await expireItems(table, clients.dynamo)
      for (const bucket of serving.plan.buckets) await expireObjects(bucket, clients.s3)
    }
    const expiry = setInterval(
      () => expire().catch((cause: Error) => warn(`Expiry: ${cause.message}`)),
      EXPIRY_EVERY_MS,
    )
    // In this order: the gateway takes nothing more, what runs may finish, then the services go.
    stops.splice(1, 0, async () => {
      clearInterval(expiry)
      await Promise.all([serving, ...retiring.keys()].map((item) => item.stop(STOP_GRACE_MS)))
      await own.stop()
    })
    return {
      url: `http://127.0.0.1:${port}`,
      endpoints,
      credentials,
      get plan() {
        return serving.plan
      },
      pool: (name) => {
        const found = [...serving.pools.values()].find(({ plan }) => plan.name === name)
        if (!found)
          throw new Error(
            `There is no function "${name}". There are: ${serving.plan.functions.map((item) => item.name).join(', ')}.`,
          )
        return found
      },
      async deploy(directory) {
        const previous = serving
        serving = await bring(directory)
        current = serving
        const retirement = previous
          .retire()
          .catch((cause: Error) => warn(`The old version: ${cause.message}`))
          .finally(() => retiring.delete(previous))
        retiring.set(previous, retirement)
      },
      stop: stopAll,
    }
  } catch (cause) {
    await stopAll()
    throw cause
  }
}

/** What a start leaves behind, without what the next one can use: assemblies and caches of code. */
async function forget(stateDir: string): Promise<void> {
  for (const name of [
    'dynamodb',
    'table',
    'sqs-s3',
    'outbox',
    'logs',
    'metrics.jsonl',
    'alarms.json',
    'paused-sources.json',
    'key-pepper',
  ])
    await rm(join(stateDir, name), { recursive: true, force: true })
}

/** The variable that holds a parameter's value on a laptop: `/taskrunner/local/openai-api-key` is `OPENAI_API_KEY`. */
const variableOf = (parameter: string): string =>
  (parameter.split('/').at(-1) ?? '').toUpperCase().replaceAll('-', '_')

/** Which event sources are off: Lambda remembers that, so a restart must too. */
class PausedSources {
  readonly ids = new Set<string>()
  readonly #path: string
  readonly #warn: (text: string) => void
  #writing = Promise.resolve()

  constructor(path: string, warn: (text: string) => void) {
    this.#path = path
    this.#warn = warn
  }

  async load(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '[]')
    try {
      for (const id of JSON.parse(text) as string[]) this.ids.add(String(id))
    } catch {
      this.#warn(`${this.#path} cannot be read: all lanes are on. Pause again those that should not be.`)
    }
  }

  /** One write after the other, each whole or not at all. */
  note(id: string, isOn: boolean): void {
    if (isOn) this.ids.delete(id)
    else this.ids.add(id)
    const text = JSON.stringify([...this.ids])
    this.#writing = this.#writing
      .then(() => replaceFile(this.#path, text))
      .catch((cause: Error) => this.#warn(`What is paused will be forgotten: ${cause.message}`))
  }
}

/** A secret for one run: whoever has not got it from the runtime cannot call the embedded services. */
const newCredentials = (): Credentials => ({
  accessKeyId: `LOCAL${randomBytes(8).toString('hex').toUpperCase()}`,
  secretAccessKey: randomBytes(30).toString('base64url'),
})

/** This run's, and the account's, with which functions sign everything when `.env` has it. */
const keysOf = (
  { accessKeyId, secretAccessKey }: Credentials,
  { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }: Readonly<Record<string, string | undefined>>,
): Keys => ({
  [accessKeyId]: secretAccessKey,
  ...(AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY ? { [AWS_ACCESS_KEY_ID]: AWS_SECRET_ACCESS_KEY } : {}),
})

function openClients({ dynamodb, sqs, s3 }: Endpoints, credentials: Credentials) {
  const common = { region: REGION, credentials }
  return {
    dynamo: new DynamoDBClient({ ...common, endpoint: dynamodb }),
    // A long poll holds its connection for 20 s, one per lane; the default of 50 is plenty, the time-out is not.
    sqs: new SQSClient({ ...common, endpoint: sqs }),
    s3: new S3Client({ ...common, endpoint: s3, forcePathStyle: true }),
  }
}

/** What Lambda would put into the environment, with the SDK's own names for other endpoints. */
function environmentOf(
  { dynamodb, sqs, s3, ssm, lambda, ses }: Endpoints,
  env: Readonly<Record<string, string | undefined>>,
  credentials: Credentials,
): Record<string, string> {
  const own = env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY ? env : undefined
  return {
    AWS_REGION: env.AWS_REGION ?? REGION,
    // The embedded services take this run's and the account's; Bedrock takes only those of an account.
    AWS_ACCESS_KEY_ID: own?.AWS_ACCESS_KEY_ID ?? credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: own?.AWS_SECRET_ACCESS_KEY ?? credentials.secretAccessKey,
    ...(own?.AWS_SESSION_TOKEN ? { AWS_SESSION_TOKEN: own.AWS_SESSION_TOKEN } : {}),
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_SQS: sqs,
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_SSM: ssm,
    AWS_ENDPOINT_URL_LAMBDA: lambda,
    AWS_ENDPOINT_URL_SESV2: ses,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    TZ: ':UTC',
    NODE_OPTIONS: '',
  }
}
