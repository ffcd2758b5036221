import { Duration, Stack } from 'aws-cdk-lib'
import { SlackChannelConfiguration } from 'aws-cdk-lib/aws-chatbot'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import * as sns from 'aws-cdk-lib/aws-sns'
import { EmailSubscription, UrlSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import { Construct } from 'constructs'
import { acknowledge } from '../constructs/acknowledge.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { FIVE_MINUTES, MINUTE, StageMetrics, type Watched, type WatchedLane } from './metrics.ts'

export interface AlarmsProps extends Watched {
  readonly sweeper: Pick<StageSettings['sweeper'], 'everyMinutes' | 'parts'>
  /** Functions, other than the lanes' workers, that are called by a queue or a timer, so that no caller notices their failures. */
  readonly background: Readonly<Record<string, lambda.IFunction>>
  /** Includes alarms on ratios and on other alarms, which emulators refuse. */
  readonly hasAllAlarms: boolean
  /** Cost of models in US dollars per hour above which an alarm is raised. */
  readonly spendUsdPerHour: number
  readonly subscriptions: StageSettings['observability']['alarmSubscriptions']
  /** URL of the runbook, e.g. its page in the repository's web view. */
  readonly runbookUrl: string
}

/** The alarms' thresholds; dashboards draw them on their graphs. */
export const THRESHOLDS = {
  deadLetters: 1,
  oldestDueSeconds: 900,
  queueAgeSeconds: 900,
  failurePercent: 20,
  apiServerErrors: 5,
  apiP99Ms: 3_000,
  throttles: 1,
  backgroundErrors: 1,
  leaseLost: 3,
  providerThrottledPercent: 20,
  budgetUsedPercent: 80,
  /** Per hour; a single receiver that no longer exists is a problem of its tenant. */
  webhooksFailed: 10,
} as const

/** Ratios of fewer ended tasks or calls are ignored. */
const VOLUME = 20
/** Of all tasks that ended in 30 days. */
const SUCCESS_PERCENT = 99
/**
 * Burn rates: how many times faster than allowed the failures of 30 days are used up, over a long and a short window: 2 % of them
 * in an hour, 5 % in six hours. The short window lets the alarm end soon. Google, The Site Reliability Workbook, chapter 5,
 * table 5-8.
 */
const BURNS = [
  { id: 'Fast', factor: 14.4, long: Duration.hours(1), short: Duration.minutes(5) },
  { id: 'Slow', factor: 6, long: Duration.hours(6), short: Duration.minutes(30) },
] as const

/** `urgent`: wakes a person. `notice`: can wait until the next working day. `none`: part of a composite alarm. */
type Severity = 'urgent' | 'notice' | 'none'

type AlarmOptions = Pick<
  cloudwatch.AlarmProps,
  'metric' | 'threshold' | 'evaluationPeriods' | 'datapointsToAlarm'
> & {
  readonly severity: Severity
  readonly means: string
  readonly treatsMissingAsBreaching?: true
  readonly alarmsBelowThreshold?: true
  /** Heading in the runbook, when it is not the id up to its hyphen. */
  readonly heading?: string
}

/**
 * Every alarm of a stage, with one topic per severity. Each description ends with the heading of the runbook that says
 * what to do; a test compares them.
 */
export class Alarms extends Construct {
  readonly topics: Readonly<Record<'urgent' | 'notice', sns.Topic>>
  /** All alarms, by severity. */
  readonly all: readonly cloudwatch.IAlarm[]
  readonly #made: {
    readonly alarm: cloudwatch.AlarmBase
    readonly severity: Severity
  }[] = []
  readonly #props: AlarmsProps

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id)
    this.#props = props
    this.topics = {
      urgent: this.#topic('Urgent', 'act now', 'urgent'),
      notice: this.#topic('Notice', 'look today', 'notice'),
    }
    const metrics = new StageMetrics(props.stageName)
    for (const lane of props.lanes) this.#watchLane(metrics, lane)
    this.#watchTasks(metrics)
    this.#watchApi(metrics)
    this.#watchProviders(metrics)
    this.#watchBudget(metrics)
    const urgent = this.#made.filter(({ severity }) => severity === 'urgent').map(({ alarm }) => alarm)
    if (props.hasAllAlarms)
      this.#composite(
        'Unhealthy',
        'none',
        cloudwatch.AlarmRule.anyOf(...urgent),
        'Something needs a person now.',
      )
    const order = ['urgent', 'notice', 'none']
    this.all = this.#made
      .toSorted((left, right) => order.indexOf(left.severity) - order.indexOf(right.severity))
      .map(({ alarm }) => alarm)
  }

  #topic(id: string, text: string, severity: 'urgent' | 'notice'): sns.Topic {
    const { stageName, subscriptions } = this.#props
    const topic = new sns.Topic(this, id, {
      displayName: `TaskRunner ${stageName}: ${text}`,
      enforceSSL: true,
    })
    // `enforceSSL` adds a topic policy, which replaces the default policy that allows CloudWatch to publish. Without this
    // grant alarms would change their state without any notification.
    topic.grantPublish(
      new iam.ServicePrincipal('cloudwatch.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    )
    for (const [index, subscription] of subscriptions.entries()) {
      if (subscription.severity !== severity) continue
      acknowledge(topic, {
        'Serverless-SNSRedrivePolicy':
          'A message about an alarm is old when somebody finds it in a queue; the alarm itself stays on.',
      })
      if (subscription.protocol === 'slack') this.#tellSlack(`Slack${index}`, topic, subscription)
      else
        topic.addSubscription(
          subscription.protocol === 'email'
            ? new EmailSubscription(subscription.endpoint)
            : new UrlSubscription(subscription.endpoint),
        )
    }
    return topic
  }

  /** Sends notifications to a channel. Its role has no permissions, so commands in the channel have no effect. */
  #tellSlack(
    id: string,
    topic: sns.ITopic,
    { workspaceId, channelId }: { readonly workspaceId: string; readonly channelId: string },
  ): void {
    const role = new iam.Role(this, `${id}Role`, {
      assumedBy: new iam.ServicePrincipal('chatbot.amazonaws.com'),
    })
    new SlackChannelConfiguration(this, id, {
      slackChannelConfigurationName: `TaskRunner-${this.#props.stageName}-${id}`,
      slackWorkspaceId: workspaceId,
      slackChannelId: channelId,
      notificationTopics: [topic],
      role,
      guardrailPolicies: [iam.ManagedPolicy.fromAwsManagedPolicyName('AWSDenyAll')],
    })
  }

  #watchLane(metrics: StageMetrics, { name, queue, deadLetters }: WatchedLane): void {
    const maximum = { period: MINUTE, statistic: 'Maximum' }
    this.#alarm(`DeadLetters-${name}`, {
      severity: 'notice',
      metric: deadLetters.metricApproximateNumberOfMessagesVisible(maximum),
      threshold: THRESHOLDS.deadLetters,
      evaluationPeriods: 1,
      means: `Tasks of lane ${name} have failed for good.`,
    })
    this.#alarm(`OldestDue-${name}`, {
      severity: 'urgent',
      metric: metrics.own('OldestDueAge', { statistic: 'Maximum', by: { Lane: name } }),
      threshold: THRESHOLDS.oldestDueSeconds,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      means: `A task of lane ${name} is overdue by more than ${THRESHOLDS.oldestDueSeconds / 60} minutes.`,
    })
    this.#alarm(`QueueAge-${name}`, {
      severity: 'notice',
      metric: queue.metricApproximateAgeOfOldestMessage(maximum),
      threshold: THRESHOLDS.queueAgeSeconds,
      evaluationPeriods: 3,
      means: `Lane ${name} has work older than ${THRESHOLDS.queueAgeSeconds / 60} minutes.`,
    })
  }

  #watchTasks(metrics: StageMetrics): void {
    const { lanes, sweeper, background } = this.#props
    this.#alarm('FailureRatio', {
      severity: 'urgent',
      metric: metrics.failureRatio(FIVE_MINUTES, VOLUME),
      threshold: THRESHOLDS.failurePercent,
      evaluationPeriods: 1,
      means: `${THRESHOLDS.failurePercent} % or more of the tasks that ended in five minutes failed; of ${VOLUME} or more.`,
    })
    this.#alarm('LeaseLost', {
      severity: 'notice',
      metric: metrics.own('LeaseLost', { statistic: 'Sum', period: FIVE_MINUTES }),
      threshold: THRESHOLDS.leaseLost,
      evaluationPeriods: 1,
      means: 'Attempts lose their tasks to others: work is paid for twice.',
    })
    // A sweeper that stopped leaves its shards unprocessed and reports no age for them, so the rounds of all parts are counted. A round
    // that ends late counts in the next period, so one of several periods is complete as long as all parts run.
    this.#alarm('SweeperSilent', {
      severity: 'urgent',
      metric: metrics.own('Heartbeat', {
        statistic: 'Sum',
        period: Duration.minutes(sweeper.everyMinutes),
      }),
      threshold: sweeper.parts,
      evaluationPeriods: Math.max(5, sweeper.parts + 1),
      treatsMissingAsBreaching: true,
      alarmsBelowThreshold: true,
      means: 'Overdue tasks are not repaired: the sweeper, or one of its parts, does not finish its rounds.',
    })
    this.#alarm('Misconfigured', {
      severity: 'urgent',
      metric: metrics.own('Misconfigured', { statistic: 'Sum' }),
      threshold: 1,
      evaluationPeriods: 5,
      datapointsToAlarm: 1,
      means: 'AWS refuses a function: a right, a resource or a key is not as deployed.',
    })
    this.#alarm('Throttled', {
      severity: 'notice',
      metric: sumOf(
        lanes.map(({ name, worker }) => [
          `m_${name}`,
          worker.metricThrottles({ period: MINUTE, statistic: 'Sum' }),
        ]),
        'throttled invocations',
      ),
      threshold: THRESHOLDS.throttles,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      means: 'Lambda refuses invocations of the workers: the account has no concurrency left.',
    })
    this.#alarm('BackgroundErrors', {
      severity: 'notice',
      metric: sumOf(
        Object.entries(background).map(([name, target]) => [
          `m_${name}`,
          target.metricErrors({ period: FIVE_MINUTES, statistic: 'Sum' }),
        ]),
        'failed invocations',
      ),
      threshold: THRESHOLDS.backgroundErrors,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      means:
        'Workflows or webhooks stand still, or the sweeper dies: a function behind them does not load or throws.',
    })
  }

  #watchApi(metrics: StageMetrics): void {
    const { api } = this.#props
    this.#alarm('ApiFails', {
      severity: 'urgent',
      metric: api.metricServerError({ period: MINUTE, statistic: 'Sum' }),
      threshold: THRESHOLDS.apiServerErrors,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      means: 'The API answers 5xx.',
    })
    this.#alarm('ApiSlow', {
      severity: 'notice',
      // The gateway's own latency includes the time of calls that wait for a task or watch a stream.
      metric: metrics.own('AcceptTime', { statistic: 'p99' }),
      threshold: THRESHOLDS.apiP99Ms,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      means: `One submit in a hundred takes longer than ${THRESHOLDS.apiP99Ms / 1_000} s.`,
    })
  }

  #watchProviders(metrics: StageMetrics): void {
    const { providers } = this.#props
    this.#alarm('ProviderDown', {
      severity: 'urgent',
      metric: metrics.own('CircuitOpened', { statistic: 'Sum' }),
      threshold: 1,
      // A circuit is open for at most five minutes; then its next call is counted again.
      evaluationPeriods: 6,
      datapointsToAlarm: 1,
      means: 'A provider keeps failing; its calls are paused and its tasks wait.',
    })
    for (const provider of providers)
      this.#alarm(`ProviderThrottles-${provider}`, {
        severity: 'notice',
        metric: metrics.throttledRatio(provider, FIVE_MINUTES, VOLUME),
        threshold: THRESHOLDS.providerThrottledPercent,
        evaluationPeriods: 1,
        means: `${provider} refuses ${THRESHOLDS.providerThrottledPercent} % or more of the calls with 429.`,
      })
  }

  #watchBudget(metrics: StageMetrics): void {
    const { spendUsdPerHour } = this.#props
    this.#alarm('Spend', {
      severity: 'urgent',
      metric: metrics.own('Cost', { statistic: 'Sum', period: Duration.hours(1) }),
      threshold: spendUsdPerHour,
      evaluationPeriods: 1,
      means: `Models cost ${spendUsdPerHour} US dollars or more within an hour.`,
    })
    this.#alarm('BudgetUsed', {
      severity: 'notice',
      metric: metrics.own('BudgetUsed', { statistic: 'Maximum', period: FIVE_MINUTES }),
      threshold: THRESHOLDS.budgetUsedPercent,
      evaluationPeriods: 1,
      means: `A tenant has used ${THRESHOLDS.budgetUsedPercent} % or more of its budget.`,
    })
    this.#alarm('WebhooksFailed', {
      severity: 'notice',
      metric: metrics.own('WebhooksFailed', { statistic: 'Sum', period: Duration.hours(1) }),
      threshold: THRESHOLDS.webhooksFailed,
      evaluationPeriods: 1,
      means: `${THRESHOLDS.webhooksFailed} or more webhook deliveries were given up within an hour.`,
    })
    if (!this.#props.hasAllAlarms) return
    const burns = BURNS.map(({ id, factor, long, short }) => {
      const windows = [long, short].map((period, index) =>
        this.#makeAlarm(`Burn${id}${index === 0 ? 'Long' : 'Short'}`, {
          severity: 'none',
          heading: 'SuccessBudget',
          metric: metrics.failureRatio(period, VOLUME),
          threshold: Math.round(factor * (100 - SUCCESS_PERCENT) * 10) / 10,
          evaluationPeriods: 1,
          means: `Failures over ${period.toHumanString()} use up the month's budget ${factor} times too fast.`,
        }),
      )
      return cloudwatch.AlarmRule.allOf(...windows)
    })
    this.#composite(
      'SuccessBudget',
      'urgent',
      cloudwatch.AlarmRule.anyOf(...burns),
      `Failures are using up what ${SUCCESS_PERCENT} % success in 30 days allows, too fast.`,
    )
  }

  #alarm(id: string, options: AlarmOptions): void {
    const isOfExpression = options.metric instanceof cloudwatch.MathExpression
    if (this.#props.hasAllAlarms || !isOfExpression) this.#makeAlarm(id, options)
  }

  #makeAlarm(id: string, options: AlarmOptions): cloudwatch.Alarm {
    const {
      severity,
      means,
      treatsMissingAsBreaching: isMissingBad,
      alarmsBelowThreshold: isBelow,
      heading = id.split('-')[0] ?? id,
      ...props
    } = options
    const operators = cloudwatch.ComparisonOperator
    const alarm = new cloudwatch.Alarm(this, id, {
      ...props,
      alarmName: this.#name(id),
      alarmDescription: this.#describe(means, heading),
      comparisonOperator: isBelow
        ? operators.LESS_THAN_THRESHOLD
        : operators.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: isMissingBad
        ? cloudwatch.TreatMissingData.BREACHING
        : cloudwatch.TreatMissingData.NOT_BREACHING,
    })
    this.#notify(alarm, severity)
    return alarm
  }

  #composite(id: string, severity: Severity, alarmRule: cloudwatch.IAlarmRule, means: string): void {
    const alarm = new cloudwatch.CompositeAlarm(this, id, {
      alarmRule,
      compositeAlarmName: this.#name(id),
      alarmDescription: this.#describe(means, id),
    })
    this.#notify(alarm, severity)
  }

  #notify(alarm: cloudwatch.AlarmBase, severity: Severity): void {
    if (severity !== 'none') {
      const action = new SnsAction(this.topics[severity])
      alarm.addAlarmAction(action)
      alarm.addOkAction(action)
    }
    this.#made.push({ alarm, severity })
  }

  #name = (id: string) => `TaskRunner-${this.#props.stageName}-${id}`
  #describe = (means: string, heading: string) =>
    `${means} Runbook: ${this.#props.runbookUrl}#${heading.toLowerCase()}`
}

function sumOf(
  metrics: readonly (readonly [id: string, metric: cloudwatch.Metric])[],
  label: string,
): cloudwatch.MathExpression {
  const period = metrics[0]?.[1].period ?? MINUTE
  return new cloudwatch.MathExpression({
    expression: `SUM([${metrics.map(([id]) => id).join(', ')}])`,
    usingMetrics: Object.fromEntries(metrics),
    period,
    label,
  })
}
