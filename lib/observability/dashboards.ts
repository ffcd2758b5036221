import { Duration, Stack } from 'aws-cdk-lib'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { Construct } from 'constructs'
import { type Alarms, THRESHOLDS } from './alarms.ts'
import { FIVE_MINUTES, MINUTE, StageMetrics, type Watched, type WatchedLane } from './metrics.ts'
import { QUERIES } from './queries.ts'

export interface DashboardsProps extends Watched {
  readonly alarms: Alarms
  readonly spendUsdPerHour: number
  readonly runbookUrl: string
  readonly workerLogs: readonly string[]
  /** ARN of the function of the live task table. */
  readonly taskTableArn: string
}

type Query = (typeof QUERIES)[keyof typeof QUERIES]

const SUM = { statistic: 'Sum', period: MINUTE }
/** Number of values of a metric; a separate metric for it would cost extra. */
const SAMPLE_COUNT = { statistic: 'SampleCount', period: MINUTE }
const MAXIMUM = { statistic: 'Maximum', period: MINUTE }
const PERCENTILES = ['p50', 'p95', 'p99'] as const

/** Two dashboards: an overview of the stage with the live task table, and one with each lane. */
export class Dashboards extends Construct {
  readonly overview: cloudwatch.Dashboard
  readonly lanes: cloudwatch.Dashboard
  readonly #props: DashboardsProps
  readonly #metrics: StageMetrics

  constructor(scope: Construct, id: string, props: DashboardsProps) {
    super(scope, id)
    this.#props = props
    this.#metrics = new StageMetrics(props.stageName)
    const dashboard = (name: string, title: string, widgets: cloudwatch.IWidget[][]) =>
      new cloudwatch.Dashboard(this, name, {
        dashboardName: title,
        defaultInterval: Duration.hours(3),
        periodOverride: cloudwatch.PeriodOverride.AUTO,
        widgets,
      })
    // Dashboard names are shared by all Regions of an account.
    const title = `TaskRunner-${props.stageName}-${Stack.of(this).region}`
    this.overview = dashboard('Overview', title, this.#overview())
    this.lanes = dashboard('Lanes', `${title}-lanes`, this.#laneDetail())
  }

  #overview(): cloudwatch.IWidget[][] {
    const { stageName, runbookUrl, alarms, taskTableArn, api, spendUsdPerHour, providers } = this.#props
    const metrics = this.#metrics
    const total = (name: 'Submitted' | 'Completed' | 'Failed') =>
      metrics.own(name, { ...SUM, label: name.toLowerCase() })
    return [
      [
        text(
          `# Task runner, ${stageName}\nAn alarm's description links to its heading in the [runbook](${runbookUrl}). Each lane has its part of the dashboard **TaskRunner-${stageName}-${Stack.of(this).region}-lanes**.`,
          24,
          2,
        ),
      ],
      [
        new cloudwatch.AlarmStatusWidget({
          title: 'Are we healthy?',
          alarms: [...alarms.all],
          width: 12,
          height: 6,
        }),
        new cloudwatch.Column(
          new cloudwatch.SingleValueWidget({
            title: 'Now',
            width: 12,
            height: 3,
            metrics: [
              metrics.failureRatio(FIVE_MINUTES, 1, 'failed in 5 min, %'),
              this.#sum('dead letters', (lane) =>
                lane.deadLetters.metricApproximateNumberOfMessagesVisible(MAXIMUM),
              ),
              this.#sum('waiting', (lane) => lane.queue.metricApproximateNumberOfMessagesVisible(MAXIMUM)),
            ],
          }),
          new cloudwatch.SingleValueWidget({
            title: 'Spend on models',
            width: 12,
            height: 3,
            metrics: [
              metrics.own('Cost', { statistic: 'Sum', period: Duration.days(1), label: 'today, USD' }),
              metrics.own('Cost', { statistic: 'Sum', period: Duration.hours(1), label: 'this hour, USD' }),
            ],
          }),
        ),
      ],
      [
        new cloudwatch.CustomWidget({
          title: 'Tasks and queues, live',
          functionArn: taskTableArn,
          params: { view: 'overview' },
          updateOnRefresh: true,
          updateOnTimeRangeChange: true,
          width: 24,
          height: 12,
        }),
      ],
      [
        graph('Tasks a minute', [total('Submitted'), total('Completed'), total('Failed')]),
        graph('Failed, % of ended', [metrics.failureRatio(FIVE_MINUTES, 1)], THRESHOLDS.failurePercent),
      ],
      [
        graph('Workflows a minute', [
          metrics.own('WorkflowsStarted', { ...SUM, label: 'started' }),
          metrics.own('WorkflowsCompleted', { ...SUM, label: 'completed' }),
          metrics.own('WorkflowsFailed', { ...SUM, label: 'failed' }),
        ]),
        graph('Tasks made by schedules', [metrics.own('SchedulesFired', { ...SUM, label: 'fired' })]),
      ],
      [
        graph(
          'Waiting in the lanes',
          this.#each((lane) => lane.queue.metricApproximateNumberOfMessagesVisible(MAXIMUM)),
        ),
        graph(
          'In flight',
          this.#each((lane) => lane.queue.metricApproximateNumberOfMessagesNotVisible(MAXIMUM)),
        ),
      ],
      [
        graph(
          'Slots used, % of slots paid',
          this.#each((lane) =>
            metrics.own('SlotsUsed', { statistic: 'Average', period: MINUTE, by: { Lane: lane.name } }),
          ),
          undefined,
          24,
        ),
      ],
      [
        graph(
          'Oldest overdue task, s',
          this.#each((lane) => metrics.own('OldestDueAge', { ...MAXIMUM, by: { Lane: lane.name } })),
          THRESHOLDS.oldestDueSeconds,
        ),
        graph(
          'Age of the oldest message, s',
          this.#each((lane) => lane.queue.metricApproximateAgeOfOldestMessage(MAXIMUM)),
          THRESHOLDS.queueAgeSeconds,
        ),
      ],
      [
        graph(
          'From submit to result, ms',
          PERCENTILES.map((statistic) => metrics.own('EndToEnd', { statistic, label: statistic })),
        ),
        graph(
          'Wait for a worker, ms',
          PERCENTILES.map((statistic) => metrics.own('QueueWait', { statistic, label: statistic })),
        ),
      ],
      [
        graph(
          'Dead letters',
          this.#each((lane) => lane.deadLetters.metricApproximateNumberOfMessagesVisible(MAXIMUM)),
          THRESHOLDS.deadLetters,
        ),
        graph(
          'Repairs',
          [
            metrics.own('Resent', { ...SUM, label: 'sent again' }),
            metrics.own('TakenOver', { ...SUM, label: 'taken over' }),
            metrics.own('LeaseLost', { statistic: 'Sum', period: FIVE_MINUTES, label: 'leases lost' }),
          ],
          THRESHOLDS.leaseLost,
        ),
      ],
      [
        graph('API requests', [
          api.metricCount({ ...SUM, label: 'all' }),
          api.metricClientError({ ...SUM, label: '4xx' }),
        ]),
        graph('API 5xx', [api.metricServerError({ ...SUM, label: '5xx' })], THRESHOLDS.apiServerErrors),
      ],
      [
        graph(
          'Submit, ms',
          PERCENTILES.map((statistic) => metrics.own('AcceptTime', { statistic, label: statistic })),
          THRESHOLDS.apiP99Ms,
        ),
        graph(
          'Worker throttles',
          this.#each((lane) => lane.worker.metricThrottles(SUM)),
          THRESHOLDS.throttles,
        ),
      ],
      [
        graph(
          'Refused by the provider with 429, %',
          providers.map((provider) => metrics.throttledRatio(provider, FIVE_MINUTES, 1)),
          THRESHOLDS.providerThrottledPercent,
        ),
        graph('Pauses of a provider', [metrics.own('CircuitOpened', { ...SUM, label: 'opened' })], 1),
      ],
      [
        graph(
          'Tokens a minute, out',
          providers.map((Provider) =>
            metrics.own('OutputTokens', { ...SUM, by: { Provider }, label: Provider }),
          ),
        ),
        graph(
          'Spend an hour, USD',
          [metrics.own('Cost', { statistic: 'Sum', period: Duration.hours(1), label: 'models' })],
          spendUsdPerHour,
        ),
      ],
      [this.#ask(QUERIES.failing), this.#ask(QUERIES.slowest), this.#ask(QUERIES.retried)],
    ]
  }

  #laneDetail(): cloudwatch.IWidget[][] {
    const metrics = this.#metrics
    return this.#props.lanes.flatMap((lane) => {
      const by = { Lane: lane.name }
      const counted = (
        ['Submitted', 'Failed', 'Retried', 'Parked', 'Cancelled', 'Expired', 'DeadLettered'] as const
      ).map((name) => metrics.own(name, { ...SUM, by, label: name }))
      const completed = metrics.own('RunTime', { ...SAMPLE_COUNT, by, label: 'Completed' })
      return [
        [text(`## Lane ${lane.name}`, 24, 1)],
        [
          graph('Tasks a minute', [...counted, completed], undefined, 8),
          graph(
            'Length of an attempt, ms',
            PERCENTILES.map((statistic) => metrics.own('RunTime', { statistic, by, label: statistic })),
            undefined,
            8,
          ),
          graph(
            'From submit to result, ms',
            PERCENTILES.map((statistic) => metrics.own('EndToEnd', { statistic, by, label: statistic })),
            undefined,
            8,
          ),
        ],
        [
          graph(
            'Queue',
            [
              lane.queue.metricApproximateNumberOfMessagesVisible({ ...MAXIMUM, label: 'waiting' }),
              lane.queue.metricApproximateNumberOfMessagesNotVisible({ ...MAXIMUM, label: 'in flight' }),
              lane.deadLetters.metricApproximateNumberOfMessagesVisible({ ...MAXIMUM, label: 'dead' }),
            ],
            undefined,
            8,
          ),
          graph(
            'Wait for a worker, ms',
            PERCENTILES.map((statistic) => metrics.own('QueueWait', { statistic, by, label: statistic })),
            undefined,
            8,
          ),
          graph(
            'Worker',
            [
              metrics.own('QueueWait', { ...SAMPLE_COUNT, by, label: 'attempts' }),
              lane.worker.metricInvocations({ ...SUM, label: 'invocations' }),
              lane.worker.metricErrors({ ...SUM, label: 'errors' }),
              metrics.own('BatchFill', {
                statistic: 'Average',
                period: MINUTE,
                by,
                label: 'messages in a batch',
              }),
            ],
            undefined,
            8,
          ),
        ],
      ]
    })
  }

  #each(metric: (lane: WatchedLane) => cloudwatch.Metric): cloudwatch.Metric[] {
    return this.#props.lanes.map((lane) => metric(lane).with({ label: lane.name }))
  }

  #sum(label: string, metric: (lane: WatchedLane) => cloudwatch.Metric): cloudwatch.MathExpression {
    // Ids must be unique per widget, not per expression.
    const idOf = (lane: WatchedLane) => `${label.replace(' ', '_')}_${lane.name}`
    return new cloudwatch.MathExpression({
      expression: `SUM([${this.#props.lanes.map(idOf).join(', ')}])`,
      usingMetrics: Object.fromEntries(this.#props.lanes.map((lane) => [idOf(lane), metric(lane)])),
      period: MINUTE,
      label,
    })
  }

  #ask({ title, lines }: Query): cloudwatch.LogQueryWidget {
    return new cloudwatch.LogQueryWidget({
      title,
      logGroupNames: [...this.#props.workerLogs],
      queryLines: [...lines],
      view: cloudwatch.LogQueryVisualizationType.TABLE,
      width: 8,
      height: 6,
    })
  }
}

const text = (markdown: string, width: number, height: number) =>
  new cloudwatch.TextWidget({ markdown, width, height })

/** @param threshold of the alarm on this graph. */
const graph = (title: string, left: cloudwatch.IMetric[], threshold?: number, width = 12) =>
  new cloudwatch.GraphWidget({
    title,
    left,
    width,
    height: 6,
    leftYAxis: { min: 0, showUnits: false },
    ...(threshold === undefined
      ? {}
      : { leftAnnotations: [{ value: threshold, label: 'alarm', color: cloudwatch.Color.RED }] }),
  })
