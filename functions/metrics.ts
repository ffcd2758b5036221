/**
 * All metrics: name, unit and dimensions, and the log events that carry them. The functions' log adapter writes these events in
 * CloudWatch's embedded metric format (no call to AWS, no buffer that a crash could lose); dashboards and alarms in
 * `lib/observability` may use no others. Imports nothing, like `contract.ts`.
 *
 * Each combination of dimension values costs as much as a metric in every hour in which it occurs, so there are few, and a test
 * requires a graph or an alarm for each. Type, model, error code, tenant and task id are fields of the log lines, which the
 * saved queries read; `GET /usage` has exact numbers by type and model.
 */
export const DIMENSIONS = {
  Lane: 'lane',
  Provider: 'provider',
} as const
export type Dimension = keyof typeof DIMENSIONS

/** As CloudWatch spells them. It has no unit for US dollars. */
export type Unit = 'Percent' | 'Count' | 'Milliseconds' | 'Seconds' | 'None'

export interface MetricDefinition {
  readonly name: string
  readonly unit: Unit
  /** Log events that carry the metric. */
  readonly events: readonly string[]
  /** Field of the event with the value; when left out, each event counts 1. */
  readonly value?: string
  /** Only events whose field has this value. */
  readonly when?: { readonly field: string; readonly is: string }
  /** Zeros are not sent, to save money. Alarms on it treat missing data as good. */
  readonly skipsZero?: true
  /** Occurs in few hours of a month, and costs only in those. */
  readonly isRarelySent?: true
  /** Each list is one set of dimensions for the value. */
  readonly dimensions: readonly (readonly Dimension[])[]
  readonly means: string
}

const define = <const Name extends string>(
  definition: Omit<MetricDefinition, 'name'> & { readonly name: Name },
): MetricDefinition & { readonly name: Name } => definition

export const METRICS = [
  define({
    name: 'Submitted',
    unit: 'Count',
    events: ['task.submitted'],
    dimensions: [[], ['Lane']],
    means: 'Tasks accepted.',
  }),
  define({
    name: 'AcceptTime',
    unit: 'Milliseconds',
    events: ['task.submitted'],
    value: 'accept_ms',
    dimensions: [[]],
    means:
      'From when the gateway has a submit to when its message is sent, cold starts included; not what a caller waits for then.',
  }),
  define({
    name: 'Completed',
    unit: 'Count',
    events: ['task.completed'],
    // Per lane it equals the number of samples of `RunTime`.
    dimensions: [[]],
    means: 'Tasks that ended with a result.',
  }),
  define({
    name: 'Failed',
    unit: 'Count',
    events: ['task.failed', 'task.crashed'],
    dimensions: [[], ['Lane']],
    means: 'Tasks that failed for good.',
  }),
  define({
    name: 'Declined',
    unit: 'Count',
    events: ['task.failed'],
    when: { field: 'code', is: 'content_refused' },
    isRarelySent: true,
    dimensions: [[]],
    means: 'Of these, tasks whose prompt a model would not answer.',
  }),
  define({
    name: 'Retried',
    unit: 'Count',
    events: ['task.retrying'],
    dimensions: [['Lane']],
    means: 'Attempts that failed and are made again.',
  }),
  define({
    name: 'Parked',
    unit: 'Count',
    events: ['task.parked'],
    isRarelySent: true,
    dimensions: [['Lane']],
    means: 'Times that a task was put off because its provider does not answer; no attempt is spent.',
  }),
  define({
    name: 'Cancelled',
    unit: 'Count',
    events: ['task.cancelled'],
    dimensions: [['Lane']],
    means: 'Tasks that a caller cancelled.',
  }),
  define({
    name: 'Expired',
    unit: 'Count',
    events: ['task.expired'],
    isRarelySent: true,
    dimensions: [['Lane']],
    means: 'Tasks that were not started by their deadline.',
  }),
  define({
    name: 'WorkflowsStarted',
    unit: 'Count',
    events: ['workflow.submitted'],
    isRarelySent: true,
    dimensions: [[]],
    means: 'Workflows accepted.',
  }),
  define({
    name: 'WorkflowsCompleted',
    unit: 'Count',
    events: ['workflow.completed'],
    isRarelySent: true,
    dimensions: [[]],
    means: 'Workflows that ended well.',
  }),
  define({
    name: 'WorkflowsFailed',
    unit: 'Count',
    events: ['workflow.failed'],
    isRarelySent: true,
    dimensions: [[]],
    means: 'Workflows that failed.',
  }),
  define({
    name: 'SchedulesFired',
    unit: 'Count',
    events: ['schedule.fired'],
    isRarelySent: true,
    dimensions: [[]],
    means: 'Tasks that schedules made.',
  }),
  define({
    name: 'DeadLettered',
    unit: 'Count',
    events: ['task.dead_lettered'],
    dimensions: [['Lane']],
    means: 'Dead letters sent.',
  }),
  define({
    name: 'QueueWait',
    unit: 'Milliseconds',
    events: ['task.claimed'],
    value: 'waited_ms',
    dimensions: [[], ['Lane']],
    means: 'From when a task could start to when an attempt of it did; each sample is an attempt begun.',
  }),
  define({
    name: 'RunTime',
    unit: 'Milliseconds',
    events: ['task.completed'],
    value: 'run_ms',
    dimensions: [['Lane']],
    means: 'Length of the attempt that succeeded.',
  }),
  define({
    name: 'EndToEnd',
    unit: 'Milliseconds',
    events: ['task.completed'],
    value: 'total_ms',
    dimensions: [[], ['Lane']],
    means: 'From submit, or from the time the caller asked for, to the result.',
  }),
  define({
    name: 'BatchFill',
    unit: 'Count',
    events: ['batch.received'],
    value: 'messages',
    dimensions: [['Lane']],
    means: 'Messages that one worker invocation was given.',
  }),
  define({
    name: 'SlotsUsed',
    unit: 'Percent',
    events: ['slots.used'],
    value: 'percent',
    dimensions: [['Lane']],
    means:
      'Slots that ran a task, of those that were paid for; said by each worker every 20 s, and at the end of a short one.',
  }),
  define({
    name: 'LeaseLost',
    unit: 'Count',
    events: ['task.stopped'],
    when: { field: 'code', is: 'lease_lost' },
    isRarelySent: true,
    dimensions: [[]],
    means: 'Attempts that another attempt took the task from: work paid twice.',
  }),
  define({
    name: 'Misconfigured',
    unit: 'Count',
    events: [
      'task.failed',
      'task.unsent',
      'delivery.failed',
      'follow_up.failed',
      'heartbeat.failed',
      'refill.failed',
      'delete.failed',
      'runs.failed',
      'slots.failed',
      'circuit.failed',
      'watermark.failed',
      'sweep.failed',
      'cleanup.failed',
      'http.failed',
    ],
    when: { field: 'code', is: 'misconfigured' },
    isRarelySent: true,
    dimensions: [[]],
    means: 'Calls that AWS refused: a right, a resource or a key is not as deployed.',
  }),
  define({
    name: 'OldestDueAge',
    unit: 'Seconds',
    events: ['lane.swept'],
    value: 'oldest_due_seconds',
    skipsZero: true,
    isRarelySent: true,
    dimensions: [['Lane']],
    means:
      'How long the most overdue task of a lane has been overdue; nothing when none is, and while the lane is paused.',
  }),
  define({
    name: 'Heartbeat',
    unit: 'Count',
    events: ['sweep.finished'],
    dimensions: [[]],
    means: 'Rounds that the sweeper finished.',
  }),
  define({
    name: 'Resent',
    unit: 'Count',
    events: ['sweep.finished'],
    value: 'resent',
    skipsZero: true,
    isRarelySent: true,
    dimensions: [[]],
    means: 'Messages that were lost and sent again.',
  }),
  define({
    name: 'TakenOver',
    unit: 'Count',
    events: ['sweep.finished'],
    value: 'taken_over',
    skipsZero: true,
    isRarelySent: true,
    dimensions: [[]],
    means: 'Attempts whose worker died, given to another.',
  }),
  define({
    name: 'ModelCalls',
    unit: 'Count',
    events: ['model.answered', 'model.failed'],
    dimensions: [['Provider']],
    means: 'Calls made to a provider.',
  }),
  define({
    name: 'ModelThrottled',
    unit: 'Count',
    events: ['model.failed'],
    when: { field: 'code', is: 'provider_rate_limited' },
    dimensions: [['Provider']],
    means: 'Calls that a provider answered with 429.',
  }),
  define({
    name: 'CircuitOpened',
    unit: 'Count',
    events: ['circuit.opened'],
    isRarelySent: true,
    dimensions: [[]],
    means: 'Pauses of the calls to a provider that kept failing.',
  }),
  define({
    name: 'OutputTokens',
    unit: 'Count',
    events: ['model.answered'],
    value: 'output_tokens',
    dimensions: [['Provider']],
    means: 'Tokens that models answered with.',
  }),
  define({
    name: 'Cost',
    unit: 'None',
    events: ['model.answered'],
    value: 'cost_usd',
    dimensions: [[]],
    means: 'US dollars, at list prices; calls of models without a known price are not in it.',
  }),
  define({
    name: 'BudgetUsed',
    unit: 'Percent',
    events: ['budget.high', 'budget.exhausted'],
    value: 'used_percent',
    isRarelySent: true,
    dimensions: [[]],
    means: 'Of a tenant’s budget, spent and held together, from 80 % on; the log line says whose.',
  }),
  define({
    name: 'WebhooksFailed',
    unit: 'Count',
    events: ['webhook.failed'],
    isRarelySent: true,
    dimensions: [[]],
    means: 'Webhook deliveries that were given up after a day, or whose receiver said that it is gone.',
  }),
] as const satisfies readonly MetricDefinition[]

export type MetricName = (typeof METRICS)[number]['name']

/** One namespace per stage: cheaper than a dimension on every metric, and no dashboard can mix two stages. */
export const metricNamespace = (stage: string): string => `TaskRunner/${stage}`

type Fields = Readonly<Record<string, unknown>>

/**
 * The fields that a log event adds to its line in the embedded metric format: values and dimensions at the top level, and
 * `_aws`, which tells CloudWatch which fields are metrics.
 *
 * @returns undefined for an event without metrics.
 */
export function toEmbeddedMetrics(
  namespace: string,
  event: string,
  fields: Fields,
  now: number,
): Fields | undefined {
  const values: Record<string, number> = {}
  const metricsOf = new Map<string, { Name: string; Unit: Unit }[]>()
  const used = new Set<Dimension>()
  for (const definition of METRICS as readonly MetricDefinition[]) {
    const { name, unit, events, value, when, dimensions, skipsZero } = definition
    if (!events.includes(event) || (when && fields[when.field] !== when.is)) continue
    const number = value === undefined ? 1 : fields[value]
    if (typeof number !== 'number' || !Number.isFinite(number) || (skipsZero && number === 0)) continue
    const known = dimensions.filter((set) => set.every((dimension) => isLabel(fields[DIMENSIONS[dimension]])))
    if (known.length === 0) continue
    for (const dimension of known.flat()) used.add(dimension)
    values[name] = number
    // One directive for all metrics with the same dimensions, because each adds about 90 bytes to every such line.
    const alike = JSON.stringify(known)
    metricsOf.set(alike, [...(metricsOf.get(alike) ?? []), { Name: name, Unit: unit }])
  }
  if (metricsOf.size === 0) return undefined
  const directives = [...metricsOf].map(([alike, Metrics]) => ({
    Namespace: namespace,
    Dimensions: JSON.parse(alike),
    Metrics,
  }))
  const labels = Object.fromEntries([...used].map((dimension) => [dimension, fields[DIMENSIONS[dimension]]]))
  return { ...labels, ...values, _aws: { Timestamp: now, CloudWatchMetrics: directives } }
}

const isLabel = (value: unknown): boolean => typeof value === 'string' && value !== ''
