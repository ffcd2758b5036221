import type { Observer } from '../emulator/observer.ts'
import type { QueueDepthSample } from '../emulator/services/orders.ts'
import type { Plan } from '../emulator/template/plan.ts'
import type { LogEntry, LogStore } from './log-store.ts'
import type { MetricStore } from './metric-store.ts'

interface Embedded {
  readonly Timestamp: number
  readonly CloudWatchMetrics: readonly {
    readonly Namespace: string
    readonly Dimensions: readonly (readonly string[])[]
    readonly Metrics: readonly { readonly Name: string }[]
  }[]
}

/** Collects the data that CloudWatch would have: the functions' logs and metrics, and AWS's metrics of Lambda, API Gateway and SQS. */
export class Collector implements Observer {
  readonly #metrics: MetricStore
  readonly #logs: LogStore
  readonly #onEntry: (entry: LogEntry) => void
  #plan: Plan | undefined

  constructor(metrics: MetricStore, logs: LogStore, onEntry: (entry: LogEntry) => void = () => undefined) {
    this.#metrics = metrics
    this.#logs = logs
    this.#onEntry = onEntry
  }

  watch(plan: Plan): void {
    this.#plan = plan
  }

  wrote(functionName: string, line: string): void {
    const entry = this.#logs.add(functionName, line)
    const { json } = entry
    this.#onEntry(entry)
    const embedded = json?._aws as Embedded | undefined
    if (!json || !embedded || !Array.isArray(embedded.CloudWatchMetrics)) return
    for (const {
      Namespace,
      Dimensions,
      Metrics,
    } of embedded.CloudWatchMetrics as Embedded['CloudWatchMetrics'])
      for (const { Name } of Metrics)
        for (const set of Dimensions) {
          const dimensions = Object.fromEntries(set.map((key) => [key, String(json[key])]))
          this.#metrics.add(
            { namespace: Namespace, name: Name, dimensions },
            Number(json[Name]),
            embedded.Timestamp,
          )
        }
  }

  invoked(name: string, { durationMs, isError }: { durationMs: number; isError: boolean }): void {
    const functionName = this.#plan?.functions.find((item) => item.name === name)?.functionName
    if (!functionName) return
    const dimensions = { FunctionName: functionName }
    this.#add('AWS/Lambda', dimensions, {
      Invocations: 1,
      Errors: Number(isError),
      Throttles: 0,
      Duration: durationMs,
    })
  }

  answered(status: number, latencyMs: number): void {
    this.#add(
      'AWS/ApiGateway',
      { ApiName: this.#plan?.api.name ?? '' },
      {
        Count: 1,
        '4XXError': Number(status >= 400 && status < 500),
        '5XXError': Number(status >= 500),
        Latency: latencyMs,
      },
    )
  }

  saw(queues: readonly QueueDepthSample[]): void {
    for (const { name, visible, inFlight, delayed, oldestMs } of queues)
      this.#add(
        'AWS/SQS',
        { QueueName: name },
        {
          ApproximateNumberOfMessagesVisible: visible,
          ApproximateNumberOfMessagesNotVisible: inFlight,
          ApproximateNumberOfMessagesDelayed: delayed,
          ApproximateAgeOfOldestMessage: Math.round(oldestMs / 1_000),
        },
      )
  }

  #add(
    namespace: string,
    dimensions: Readonly<Record<string, string>>,
    values: Readonly<Record<string, number>>,
  ) {
    const now = Date.now()
    for (const [name, value] of Object.entries(values))
      this.#metrics.add({ namespace, name, dimensions }, value, now)
  }
}
