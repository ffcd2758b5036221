import { marked } from 'marked'
import type { DashboardPlan, Plan } from '../emulator/template/plan.ts'
import type { AlarmStatus } from './alarm-watch.ts'
import { type Answer, runQuery, splitSources } from './insights.ts'
import type { LogStore } from './log-store.ts'
import { MetricMath } from './metric-math.ts'
import type { MetricStore, Series } from './metric-store.ts'

/** A widget with its present content. Sizes and positions use CloudWatch's grid of 24 columns. */
export interface WidgetView {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly title: string
  readonly content: Content
}

export type Content =
  | { readonly kind: 'text'; readonly html: string }
  /** The widget cannot be drawn here. */
  | { readonly kind: 'problem'; readonly text: string }
  | { readonly kind: 'alarms'; readonly alarms: readonly AlarmStatus[] }
  | {
      readonly kind: 'graph' | 'numbers'
      /** The shown range, in s since 1970. */
      readonly from: number
      readonly to: number
      /** Starts of the periods, shared by all series; the first is the start of the graph. */
      readonly times: readonly number[]
      readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[]
      readonly lines: readonly { readonly label: string; readonly value: number; readonly color: string }[]
    }
  | ({ readonly kind: 'table' } & Answer)
  | { readonly kind: 'custom'; readonly endpoint: string; readonly params: unknown }

export interface Sources {
  readonly plan: Plan
  readonly metrics: MetricStore
  readonly logs: LogStore
  readonly alarms: readonly AlarmStatus[]
}

export interface WidgetJson {
  readonly type: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly properties: {
    readonly title?: string
    readonly markdown?: string
    readonly alarms?: readonly string[]
    readonly view?: string
    readonly metrics?: readonly (readonly unknown[])[]
    readonly annotations?: {
      readonly horizontal?: readonly {
        readonly value: number
        readonly label?: string
        readonly color?: string
      }[]
    }
    readonly query?: string
    readonly endpoint?: string
    readonly params?: unknown
  }
}

/** Options at the end of a row of metrics. */
interface RowOptions {
  readonly id?: string
  readonly label?: string
  readonly stat?: string
  readonly period?: number
  readonly visible?: boolean
  readonly expression?: string
}

const DEFAULT_PERIOD_S = 300

/** A dashboard of the template with live data. An unsupported widget shows a message instead. */
export function viewDashboard(
  { body }: DashboardPlan,
  sources: Sources,
  { from, to }: { readonly from: number; readonly to: number },
): readonly WidgetView[] {
  return (body as { widgets: readonly WidgetJson[] }).widgets.map((widget) => {
    const { x, y, width, height, properties, type } = widget
    const { title = '' } = properties
    return {
      x,
      y,
      width,
      height,
      title,
      content: attempt(() => contentOf(type, properties, sources, from, to)),
    }
  })
}

function attempt(draw: () => Content): Content {
  try {
    return draw()
  } catch (cause) {
    return { kind: 'problem', text: (cause as Error).message }
  }
}

/** @throws Error for an unsupported kind of widget, statistic or expression. */
function contentOf(
  type: string,
  properties: WidgetJson['properties'],
  { plan, metrics, logs, alarms }: Sources,
  from: number,
  to: number,
): Content {
  switch (type) {
    case 'text':
      return { kind: 'text', html: marked.parse(properties.markdown ?? '', { async: false }) }
    case 'alarm': {
      const names = (properties.alarms ?? []).map((arn) => arn.split(':').at(-1))
      return {
        kind: 'alarms',
        alarms: names.flatMap((name) => alarms.find((alarm) => alarm.name === name) ?? []),
      }
    }
    case 'metric':
      return metricsOf(properties, metrics, from, to)
    case 'log': {
      const { groups, query } = splitSources(properties.query ?? '')
      const names = plan.functions.filter(({ logGroup }) => groups.includes(logGroup)).map(({ name }) => name)
      return { kind: 'table', ...runQuery(query, logs.since(new Set(names), from)) }
    }
    case 'custom':
      return { kind: 'custom', endpoint: properties.endpoint ?? '', params: properties.params ?? {} }
  }
  throw new Error(`A widget of type ${type} is not known to the local console.`)
}

function metricsOf(
  { view, metrics = [], annotations }: WidgetJson['properties'],
  store: MetricStore,
  from: number,
  to: number,
): Content {
  const rows = metrics.map(toMetricRow)
  const find = (id: string) => {
    const row = rows.find((item) => item.id === id)
    if (!row) throw new Error(`An expression names ${id}, which its widget does not have.`)
    return row
  }
  const lengthOf = (periodMs: number) => Math.ceil(to / periodMs) - Math.floor(from / periodMs)
  const shown = rows
    .filter(({ isVisible }) => isVisible)
    .map((row) => {
      if (!row.expression)
        return { ...row, values: store.series(row.metric, row.stat, row.periodMs, from, to) }
      const math = new MetricMath(row.expression)
      // All metrics of an expression are read with the longest of their periods.
      const periodMs = Math.max(...math.ids.map((id) => find(id).periodMs))
      const read = (id: string) => store.series(find(id).metric, find(id).stat, periodMs, from, to)
      return { ...row, periodMs, values: math.evaluate(read, lengthOf(periodMs)) }
    })
  const periodMs = Math.min(...shown.map((row) => row.periodMs))
  const length = lengthOf(periodMs)
  const isGraph = view !== 'singleValue'
  return {
    kind: isGraph ? 'graph' : 'numbers',
    from: from / 1_000,
    to: to / 1_000,
    times: Array.from(
      { length },
      (_, index) => Math.max(from, (Math.floor(from / periodMs) + index) * periodMs) / 1_000,
    ),
    series: shown.map((row) => {
      const values = isGraph
        ? spread(row.values, row.periodMs, periodMs, from, length)
        : [row.values.findLast((value) => value !== undefined)]
      return { label: row.label, values: values.map((value) => value ?? null) }
    }),
    lines: (annotations?.horizontal ?? []).map(({ value, label = '', color = '#d62728' }) => ({
      value,
      label,
      color,
    })),
  }
}

/** Converts a series with longer periods to shorter ones: each value is placed at the start of its period. */
function spread(values: Series, ownMs: number, gridMs: number, from: number, length: number): Series {
  if (ownMs === gridMs) return values
  const placed: (number | undefined)[] = Array.from({ length }, () => undefined)
  const first = Math.floor(from / gridMs)
  values.forEach((value, index) => {
    const at = Math.round(((Math.floor(from / ownMs) + index) * ownMs) / gridMs) - first
    // A period that began before the graph is shown at its left edge.
    if (at < length) placed[Math.max(0, at)] = value
  })
  return placed
}

function toMetricRow(row: readonly unknown[], index: number) {
  const options = (typeof row.at(-1) === 'object' ? row.at(-1) : {}) as RowOptions
  const words = row.filter((item): item is string => typeof item === 'string')
  const [namespace = '', name = '', ...pairs] = words
  const dimensions: Record<string, string> = {}
  for (let at = 0; at + 1 < pairs.length; at += 2) dimensions[pairs[at] as string] = pairs[at + 1] as string
  return {
    id: options.id ?? `row_${index}`,
    label: options.label ?? name,
    stat: options.stat ?? 'Average',
    periodMs: 1_000 * (options.period ?? DEFAULT_PERIOD_S),
    isVisible: options.visible !== false,
    expression: options.expression,
    metric: { namespace, name, dimensions },
  }
}
