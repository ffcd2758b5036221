import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Runtime, type RuntimeOptions, startRuntime } from '../../../lib/local/runtime.ts'
import { ENVIRONMENT_LIMIT } from '../../../lib/stages/local.ts'
import { TASK_RUNNER } from '../../../lib/task-runner.ts'
import { assemblyOf, type Settings, TIMING_SCALE } from '../../fixtures/running.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { startQueueProxy } from './queue-proxy.ts'

export interface Harm {
  readonly seed: number
  /** Share of calls between functions and services that have a fault. */
  readonly share: number
  /** Share of messages and deletes that the queue loses, delays or doubles. */
  readonly queueShare: number
  /** Clocks of the workers and of the sweeper are this much ahead and behind. */
  readonly skewMs?: number
  /** `moveClock` moves all clocks, not only those of the sweeper and the cleanup. */
  readonly movesAllClocks?: boolean
  readonly stateDir: string
  readonly port?: number
  readonly env?: Settings
  readonly assemblyDir?: string
  readonly warn?: (text: string) => void
}

/** The real local runtime, with faults between its functions, its queues and its services. */
export async function startHarmedRuntime({
  seed,
  share,
  queueShare,
  skewMs = 0,
  movesAllClocks,
  stateDir,
  ...rest
}: Harm) {
  const env = rest.env ?? {}
  let dynamo: FaultProxy | undefined
  let sqs: FaultProxy | undefined
  let s3: FaultProxy | undefined
  let queue: Awaited<ReturnType<typeof startQueueProxy>> | undefined
  const clockFile = join(stateDir, 'moved-clock')
  const preload = `--import ${pathToFileURL(join(import.meta.dirname, 'saboteur.mjs')).href}`
  const options: RuntimeOptions = {
    product: TASK_RUNNER,
    assemblyDir: rest.assemblyDir ?? (await assemblyOf(env)),
    stateDir,
    port: rest.port ?? 0,
    env,
    environmentLimit: ENVIRONMENT_LIMIT,
    timerScale: TIMING_SCALE,
    warn: rest.warn ?? (() => undefined),
    onServices: async (endpoints, credentials) => {
      const throttling = 'ProvisionedThroughputExceededException'
      dynamo = await startFaultProxy(endpoints.dynamodb, { share, seed, throttling })
      sqs = await startFaultProxy(endpoints.sqs, { share, seed: seed + 1, throttling: 'ThrottlingException' })
      s3 = await startFaultProxy(endpoints.s3, { share: share / 2, seed: seed + 2, throttling: 'SlowDown' })
      queue = await startQueueProxy(endpoints.sqs, { share: queueShare, seed: seed + 3, credentials })
    },
    functionEnv: (_endpoints, name) => ({
      AWS_ENDPOINT_URL_DYNAMODB: dynamo?.endpoint ?? '',
      AWS_ENDPOINT_URL_SQS: sqs?.endpoint ?? '',
      AWS_ENDPOINT_URL_S3: s3?.endpoint ?? '',
      NODE_OPTIONS: preload,
      TEST_CLOCK_SKEW_MS: String(name.startsWith('lane') ? skewMs : /Sweep|Clean/.test(name) ? -skewMs : 0),
      ...(movesAllClocks || /Sweep|Clean/.test(name) ? { TEST_CLOCK_FILE: clockFile } : {}),
    }),
    sourceEndpoint: () => queue?.endpoint ?? '',
  }
  const runtime = await startRuntime(options)
  if (!dynamo || !sqs || !s3 || !queue) throw new Error('the runtime began without its services')
  const proxies = [dynamo, sqs, s3]
  const killed = new Set<string>()
  for (const proxy of proxies)
    proxy.killBy((id) => {
      const environment = environmentsOf(runtime).find((one) => one.id === id)
      // Otherwise no process ends, and the test proves nothing.
      if (!environment && !killed.has(id))
        throw new Error(`There is no environment ${id}: is the saboteur loaded?`)
      // The calls that it had begun may reach further points while it ends.
      killed.add(id)
      void environment?.stop()
    })
  return {
    runtime,
    dynamo,
    sqs,
    s3,
    queue,
    moveClock: async (ms: number) => {
      await writeFile(clockFile, String(ms))
      await new Promise((resolve) => setTimeout(resolve, 60))
    },
    sweep: () => runtime.pool('SweeperSweep').invoke({}),
    heal: () => {
      for (const proxy of [...proxies, queue]) proxy?.heal()
    },
    /** Ends an environment in the middle of its work. */
    killOne: (random: () => number): boolean => {
      const busy = environmentsOf(runtime).filter((environment) => environment.isBusy)
      const victim = busy[Math.floor(random() * busy.length)]
      void victim?.stop()
      return victim !== undefined
    },
    stop: async () => {
      await runtime.stop()
      await Promise.all([...proxies, queue].map((proxy) => proxy?.stop()))
    },
  }
}
export type HarmedRuntime = Awaited<ReturnType<typeof startHarmedRuntime>>

const environmentsOf = (runtime: Runtime) =>
  runtime.plan.functions.flatMap(({ name }) => [...runtime.pool(name).environments])
