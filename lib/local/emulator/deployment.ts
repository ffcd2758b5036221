import { join } from 'node:path'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { EventSource } from './lambda/event-source.ts'
import { deleteLargeLog, FunctionLog } from './lambda/function-log.ts'
import { FunctionPool } from './lambda/function-pool.ts'
import { Timer } from './lambda/timer.ts'
import type { Observer } from './observer.ts'
import type { EventSourcePlan, Plan } from './template/plan.ts'

export interface DeploymentOptions {
  readonly plan: Plan
  readonly region: string
  readonly stateDir: string
  readonly sqs: SQSClient
  /** Variables added to the template's, by a function's readable name: endpoints, credentials, Region. */
  readonly functionEnv: (name: string) => Readonly<Record<string, string>>
  /** Most environments of a function without an event source. */
  readonly environmentLimit: number
  /** Shortens the timers' intervals. */
  readonly timerScale: number
  /** Uses threads instead of processes, because debuggers cannot follow processes. */
  readonly isInspected: boolean
  /** Ids of event sources that are turned off. */
  readonly pausedSources: ReadonlySet<string>
  readonly warn: (text: string) => void
  readonly observer: Observer
}

/** A stream uses its environment as long as its client is connected. */
const STREAM_LIMIT = 40

/** Lambda's longest timeout: after this nothing of an old version runs. */
const RETIRE_MS = 900_000

type Variables = Readonly<Record<string, string>>

/** The template's own values take precedence, but NODE_OPTIONS are joined: a test preloads a module, the template enables source maps. */
function mergeEnvironments(added: Variables, own: Variables): Variables {
  const options = [added.NODE_OPTIONS, own.NODE_OPTIONS].filter(Boolean).join(' ')
  return { ...added, ...own, NODE_OPTIONS: options }
}

/** One running version of the code: the functions of a plan, their event sources and timers. */
export class Deployment {
  readonly plan: Plan
  readonly pools: ReadonlyMap<string, FunctionPool>
  readonly timers: readonly Timer[]
  readonly #sources: ReadonlyMap<string, EventSource>

  static async create(options: DeploymentOptions): Promise<Deployment> {
    for (const { name } of options.plan.functions) await deleteLargeLog(logPath(options.stateDir, name))
    return new Deployment(options)
  }

  private constructor({
    plan,
    region,
    stateDir,
    sqs,
    functionEnv,
    environmentLimit,
    timerScale,
    isInspected,
    pausedSources,
    warn,
    observer,
  }: DeploymentOptions) {
    this.plan = plan
    const served = new Set(
      plan.api.methods.flatMap(({ functionName, authorizer }) => [functionName, authorizer ?? functionName]),
    )
    const limits = new Map(plan.eventSources.map((source) => [source.functionName, source.maxConcurrency]))
    const streaming = new Set(
      plan.api.methods.flatMap(({ functionName, isStreamed }) => (isStreamed ? functionName : [])),
    )
    this.pools = new Map(
      plan.functions.map((item) => [
        item.functionName,
        new FunctionPool(item, {
          env: {
            ...mergeEnvironments(functionEnv(item.name), item.environment),
            AWS_LAMBDA_FUNCTION_NAME: item.functionName,
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(item.memoryMb),
          },
          compileCache: join(stateDir, 'compile-cache'),
          log: new FunctionLog(logPath(stateDir, item.name), (line) => observer.wrote(item.name, line)),
          onInvoked: (outcome) => observer.invoked(item.name, outcome),
          limit:
            limits.get(item.functionName) ??
            (streaming.has(item.functionName) ? STREAM_LIMIT : environmentLimit),
          keep: served.has(item.functionName) ? 1 : 0,
          // Consumers of queues run authors' code on data from others.
          isolation: limits.has(item.functionName) && !isInspected ? 'process' : 'thread',
        }),
      ]),
    )
    const toSource = (source: EventSourcePlan) => {
      const queue = plan.queues.find(({ arn }) => arn === source.queueArn)
      if (!queue) throw new Error(`An event source reads ${source.queueArn}, which is not in the assembly.`)
      const pool = this.pool(source.functionName)
      const isOn = !pausedSources.has(source.id)
      return new EventSource({ plan: source, queueUrl: queue.url, region, pool, sqs, isOn, warn })
    }
    this.#sources = new Map(plan.eventSources.map((source) => [source.id, toSource(source)]))
    this.timers = plan.timers.map(
      (timer) => new Timer(timer, this.pool(timer.functionName), warn, timerScale),
    )
  }

  get sources(): readonly EventSource[] {
    return [...this.#sources.values()]
  }

  start(): void {
    for (const source of this.#sources.values()) source.start()
  }

  /** @returns false when no event source has this id. */
  turnSource(id: string, isOn: boolean): boolean {
    this.#sources.get(id)?.turn(isOn)
    return this.#sources.has(id)
  }

  pool(functionName: string): FunctionPool {
    const pool = this.pools.get(functionName)
    if (!pool) throw new Error(`There is no function ${functionName} in the assembly.`)
    return pool
  }

  /** @param arn of the function or of an alias of it. */
  poolOf(arn: string): FunctionPool | undefined {
    return [...this.pools.values()].find(({ plan }) => arn === plan.arn || arn.startsWith(`${plan.arn}:`))
  }

  /** @param name readable, e.g. `SweeperSweep`. @throws Error that lists the existing names. */
  poolNamed(name: string): FunctionPool {
    const pool = [...this.pools.values()].find(({ plan }) => plan.name === name)
    if (pool) return pool
    const known = this.plan.functions.map((item) => item.name).join(', ')
    throw new Error(`There is no function "${name}". There are: ${known}.`)
  }

  /** Called when another version replaces it: takes no new work, and ends when its running work has ended. */
  async retire(): Promise<void> {
    for (const timer of this.timers) timer.stop()
    await Promise.all(this.#eachSource((source) => source.retire()))
    await this.#end(RETIRE_MS)
  }

  /** @param graceMs time for running batches and requests to finish. */
  async stop(graceMs: number): Promise<void> {
    for (const timer of this.timers) timer.stop()
    await Promise.all(this.#eachSource((source) => source.stop()))
    await this.#end(graceMs)
  }

  #eachSource(act: (source: EventSource) => Promise<void>): Promise<void>[] {
    return [...this.#sources.values()].map(act)
  }

  async #end(graceMs: number): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.close(graceMs)))
    await Promise.all(this.#eachSource((source) => source.drained()))
  }
}

const logPath = (stateDir: string, name: string) => join(stateDir, 'logs', `${name}.log`)
