import type jsep from 'jsep'
import type { AlarmPlan } from '../emulator/template/plan.ts'
import type { LocalProduct } from '../product.ts'
import { parseExpression } from './expression.ts'
import { MetricMath } from './metric-math.ts'
import type { MetricId, MetricStore } from './metric-store.ts'

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'

export interface AlarmStatus {
  readonly name: string
  /** Name shown to people. */
  readonly label: string
  readonly description: string
  /** Labels of the topics that it notifies: `Urgent`, `Notice`. */
  readonly tells: readonly string[]
  readonly state: AlarmState
  readonly since: number
  /** The value last compared with the threshold; undefined for a composite, and without data. */
  readonly value: number | undefined
  readonly threshold: number | undefined
  /** Why it cannot be evaluated here. */
  readonly problem: string | undefined
}

export interface AlarmChange {
  readonly name: string
  readonly at: number
  readonly from: AlarmState
  readonly to: AlarmState
  readonly value: number | undefined
}

export interface AlarmMemory {
  readonly states: readonly { readonly name: string; readonly state: AlarmState; readonly since: number }[]
  readonly changes: readonly AlarmChange[]
}

export interface AlarmWatchOptions {
  readonly metrics: MetricStore
  readonly labels: Pick<LocalProduct, 'alarmLabel' | 'topicLabel'>
  /** Data from before this time does not count as missing, in ms since 1970. */
  readonly startedAt: number
  /** Called for every change but the first. */
  readonly tell?: (change: AlarmChange, status: AlarmStatus) => void
}

const STATES: readonly unknown[] = ['OK', 'ALARM', 'INSUFFICIENT_DATA'] satisfies AlarmState[]

/** @throws Error for an invalid text. */
export function toAlarmMemory(text: string): AlarmMemory {
  const { states, changes } = (JSON.parse(text) ?? {}) as Partial<AlarmMemory>
  const isWhole =
    Array.isArray(states) &&
    Array.isArray(changes) &&
    states.every((item) => STATES.includes(item?.state) && Number.isFinite(item.since)) &&
    changes.every(
      (item) => STATES.includes(item?.from) && STATES.includes(item.to) && Number.isFinite(item.at),
    )
  if (!isWhole) throw new Error('it is no list of states and changes')
  return { states, changes }
}

interface Evaluation {
  readonly state: AlarmState
  readonly value?: number | undefined
  readonly problem?: string
}

const KEPT_CHANGES = 200

/**
 * Evaluates a template's alarms like CloudWatch, but over windows that end now instead of at the last whole minute, so that
 * a developer need not wait.
 */
export class AlarmWatch {
  readonly #options: AlarmWatchOptions
  readonly #statuses = new Map<string, AlarmStatus>()
  /** States of an earlier run, valid until each alarm is evaluated again. */
  readonly #before = new Map<string, { readonly state: AlarmState; readonly since: number }>()
  readonly #changes: AlarmChange[] = []

  constructor(options: AlarmWatchOptions) {
    this.#options = options
  }

  /** The argument of `restore`. */
  get memory(): AlarmMemory {
    return {
      states: [...this.#statuses.values()].map(({ name, state, since }) => ({ name, state, since })),
      changes: this.#changes,
    }
  }

  /** Continues from the end of an earlier run. */
  restore({ states, changes }: AlarmMemory): void {
    for (const { name, state, since } of states) this.#before.set(name, { state, since })
    this.#changes.push(...changes)
  }

  get statuses(): readonly AlarmStatus[] {
    return [...this.#statuses.values()]
  }

  /** Newest first. */
  get changes(): readonly AlarmChange[] {
    return this.#changes.toReversed()
  }

  evaluate(alarms: readonly AlarmPlan[], now: number): void {
    const names = new Set(alarms.map(({ name }) => name))
    for (const name of this.#statuses.keys()) if (!names.has(name)) this.#statuses.delete(name)
    // Alarms on metrics first, because composites depend on them. A composite may depend on a later one, so they run twice.
    const isComposite = ({ properties }: AlarmPlan) => properties.AlarmRule !== undefined
    const composites = alarms.filter(isComposite)
    for (const alarm of alarms)
      if (!isComposite(alarm))
        this.#note(
          alarm,
          attempt(() => this.#measure(alarm.properties, now)),
          now,
        )
    for (const alarm of [...composites, ...composites])
      this.#note(
        alarm,
        attempt(() => this.#combine(String(alarm.properties.AlarmRule))),
        now,
      )
  }

  #note(alarm: AlarmPlan, { state, value, problem }: Evaluation, now: number): void {
    const { name, description, properties } = alarm
    const before = this.#statuses.get(name) ?? this.#before.get(name)
    const { labels, tell } = this.#options
    const status: AlarmStatus = {
      name,
      label: labels.alarmLabel(name),
      description,
      tells: ((properties.AlarmActions ?? []) as string[]).map(labels.topicLabel),
      state,
      since: before?.state === state ? before.since : now,
      value,
      threshold: properties.Threshold as number | undefined,
      problem,
    }
    this.#statuses.set(name, status)
    if (!before || before.state === state) return
    const change = { name, at: now, from: before.state, to: state, value }
    this.#changes.push(change)
    this.#changes.splice(0, this.#changes.length - KEPT_CHANGES)
    tell?.(change, status)
  }

  /** The last `EvaluationPeriods` windows; the newest ends now. */
  #measure(properties: AlarmPlan['properties'], now: number): Evaluation {
    const { read, periodMs } = metricOf(properties, this.#options.metrics)
    const periods = Number(properties.EvaluationPeriods)
    const needed = Number(properties.DatapointsToAlarm ?? periods)
    const threshold = Number(properties.Threshold)
    const breaches = COMPARISONS[String(properties.ComparisonOperator)]
    if (!breaches)
      throw new Error(`${properties.ComparisonOperator} is not known to the local console's alarms.`)
    const windows = Array.from({ length: periods }, (_, index) => {
      const to = now - index * periodMs
      const value = read(to - periodMs, to)
      if (value !== undefined) return { value, isBad: breaches(value, threshold) }
      // Nothing could be measured before the start.
      if (to - periodMs < this.#options.startedAt) return { value, isBad: undefined }
      return { value, isBad: MISSING[String(properties.TreatMissingData ?? 'missing')] }
    })
    const value = windows[0]?.value
    const bad = windows.filter(({ isBad }) => isBad === true).length
    if (bad >= needed) return { state: 'ALARM', value }
    const unknown = windows.filter(({ isBad }) => isBad === undefined).length
    const isQuiet = properties.TreatMissingData === 'notBreaching'
    if (!isQuiet && bad + unknown >= needed && unknown > 0) return { state: 'INSUFFICIENT_DATA', value }
    return { state: 'OK', value }
  }

  #combine(rule: string): Evaluation {
    const stateOf = (arn: string) => this.#statuses.get(arn.split(':').at(-1) ?? '')?.state
    return { state: isTrue(parseExpression(rule), stateOf) ? 'ALARM' : 'OK' }
  }
}

/** An alarm that cannot be evaluated must not prevent the evaluation of the others. */
function attempt(evaluate: () => Evaluation): Evaluation {
  try {
    return evaluate()
  } catch (cause) {
    return { state: 'INSUFFICIENT_DATA', problem: (cause as Error).message }
  }
}

const COMPARISONS: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  GreaterThanThreshold: (value, threshold) => value > threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
}

const MISSING: Readonly<Record<string, boolean | undefined>> = { breaching: true, notBreaching: false }

interface StatJson {
  readonly Metric: {
    readonly Namespace: string
    readonly MetricName: string
    readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[]
  }
  readonly Period: number
  readonly Stat: string
}
interface MetricJson {
  readonly Id: string
  readonly MetricStat?: StatJson
  readonly Expression?: string
  readonly ReturnData?: boolean
}

interface MetricReader {
  readonly periodMs: number
  readonly read: (from: number, to: number) => number | undefined
}

/** The data of an alarm: a metric, or an expression over several. */
function metricOf(properties: AlarmPlan['properties'], store: MetricStore): MetricReader {
  const { Metrics } = properties as { Metrics?: readonly MetricJson[] }
  if (!Metrics) {
    const { Period, ...metric } = properties as unknown as StatJson['Metric'] & { Period: number }
    const statistic = String(properties.ExtendedStatistic ?? properties.Statistic)
    return readerOf({ Metric: metric, Period, Stat: statistic }, store)
  }
  const returned = Metrics.find(({ ReturnData }) => ReturnData !== false)
  if (returned?.MetricStat) return readerOf(returned.MetricStat, store)
  const parts = new Map(
    Metrics.flatMap(({ Id, MetricStat }) => (MetricStat ? [[Id, readerOf(MetricStat, store)] as const] : [])),
  )
  const math = new MetricMath(returned?.Expression ?? '')
  return {
    periodMs: Math.max(...[...parts.values()].map(({ periodMs }) => periodMs)),
    read: (from, to) => math.evaluate((id) => [parts.get(id)?.read(from, to)], 1)[0],
  }
}

function readerOf({ Metric, Period, Stat }: StatJson, store: MetricStore): MetricReader {
  const id: MetricId = {
    namespace: Metric.Namespace,
    name: Metric.MetricName,
    dimensions: Object.fromEntries((Metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value])),
  }
  return { periodMs: Period * 1_000, read: (from, to) => store.value(id, Stat, from, to) }
}

/** @param node of a rule such as `(ALARM("arn…") AND NOT OK("arn…")) OR TRUE`. */
function isTrue(node: jsep.Expression, stateOf: (arn: string) => AlarmState | undefined): boolean {
  const visit = (child: unknown) => isTrue(child as jsep.Expression, stateOf)
  switch (node.type) {
    case 'BinaryExpression':
      return node.operator === '&&'
        ? visit(node.left) && visit(node.right)
        : visit(node.left) || visit(node.right)
    case 'UnaryExpression':
      return !visit(node.argument)
    case 'Identifier':
      return node.name === 'TRUE'
    case 'CallExpression': {
      const [argument] = node.arguments as { value?: unknown }[]
      return stateOf(String(argument?.value)) === (node.callee as { name?: unknown }).name
    }
  }
  throw new Error(`${node.type} in an alarm rule is not known to the local console.`)
}
