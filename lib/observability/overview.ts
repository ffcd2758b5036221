import { CfnOutput, Duration, Stack } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigateway'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import * as sns from 'aws-cdk-lib/aws-sns'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'

export interface WatchedLane {
  readonly name: string
  readonly queue: sqs.IQueue
  readonly deadLetters: sqs.IQueue
  readonly worker: lambda.IFunction
}

export interface OverviewProps {
  readonly stageName: string
  readonly api: apigateway.RestApi
  readonly sweeper: lambda.IFunction
  readonly sweepEveryMinutes: number
  readonly lanes: readonly WatchedLane[]
}

const PERIOD = Duration.minutes(1)
/** A queue whose oldest message is older than this has too few workers, or none that work. */
const OLDEST_SECONDS = 900

/** One dashboard and the alarms that must exist from the first day, all to one topic. Services' own metrics only. */
export class Overview extends Construct {
  readonly topic: sns.Topic
  readonly #stageName: string

  constructor(scope: Construct, id: string, props: OverviewProps) {
    super(scope, id)
    this.#stageName = props.stageName
    this.topic = new sns.Topic(this, 'Alarms', {
      displayName: `TaskRunner ${props.stageName} alarms`,
      enforceSSL: true,
    })
    const { lanes, api } = props
    for (const lane of lanes) this.#watchLane(lane)
    this.#alarm('SweeperSilent', {
      metric: props.sweeper.metricInvocations({ period: PERIOD, statistic: 'Sum' }),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: Math.max(5, props.sweepEveryMinutes * 3),
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      alarmDescription:
        'Nothing repairs overdue tasks: the sweeper has not run. Look at its schedule and its log.',
    })
    this.#alarm('ApiFails', {
      metric: api.metricServerError({ period: PERIOD, statistic: 'Sum' }),
      threshold: 5,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      alarmDescription: 'The API answers 5xx. Look for "http.failed" in the log of the API functions.',
    })
    const dashboard = this.#dashboard(props)
    new CfnOutput(this, 'DashboardUrl', {
      value: `https://${Stack.of(this).region}.console.aws.amazon.com/cloudwatch/home#dashboards:name=${dashboard.dashboardName}`,
    })
  }

  #watchLane({ name, queue, deadLetters }: WatchedLane): void {
    this.#alarm(`DeadLetters-${name}`, {
      metric: deadLetters.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' }),
      threshold: 1,
      evaluationPeriods: 1,
      alarmDescription: `Tasks of lane ${name} have failed for good. Their rows say why; a redrive runs them again.`,
    })
    this.#alarm(`OldestMessage-${name}`, {
      metric: queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' }),
      threshold: OLDEST_SECONDS,
      evaluationPeriods: 3,
      alarmDescription: `Lane ${name} has work older than ${OLDEST_SECONDS / 60} minutes: too few workers, or none that work.`,
    })
  }

  #alarm(
    id: string,
    props: Omit<cloudwatch.AlarmProps, 'comparisonOperator'> & Partial<cloudwatch.AlarmProps>,
  ): void {
    const alarm = new cloudwatch.Alarm(this, id, {
      alarmName: `TaskRunner-${this.#stageName}-${id}`,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...props,
    })
    const action = new SnsAction(this.topic)
    alarm.addAlarmAction(action)
    alarm.addOkAction(action)
  }

  #dashboard({ stageName, lanes, api }: OverviewProps): cloudwatch.Dashboard {
    const graph = (
      title: string,
      left: cloudwatch.IMetric[],
      threshold?: { readonly value: number; readonly label: string },
    ) =>
      new cloudwatch.GraphWidget({
        title,
        left,
        width: 12,
        height: 6,
        ...(threshold ? { leftAnnotations: [{ ...threshold, color: cloudwatch.Color.RED }] } : {}),
      })
    const each = (metric: (lane: WatchedLane) => cloudwatch.Metric) =>
      lanes.map((lane) => metric(lane).with({ label: lane.name }))
    const maximum = { period: PERIOD, statistic: 'Maximum' }
    const sum = { period: PERIOD, statistic: 'Sum' }
    return new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: `TaskRunner-${stageName}`,
      periodOverride: cloudwatch.PeriodOverride.AUTO,
      widgets: [
        [
          graph(
            'Waiting in the lanes',
            each(({ queue }) => queue.metricApproximateNumberOfMessagesVisible(maximum)),
          ),
          graph(
            'In flight',
            each(({ queue }) => queue.metricApproximateNumberOfMessagesNotVisible(maximum)),
          ),
        ],
        [
          graph(
            'Age of the oldest message, s',
            each(({ queue }) => queue.metricApproximateAgeOfOldestMessage(maximum)),
            { value: OLDEST_SECONDS, label: 'alarm' },
          ),
          graph(
            'Dead letters',
            each(({ deadLetters }) => deadLetters.metricApproximateNumberOfMessagesVisible(maximum)),
            { value: 1, label: 'alarm' },
          ),
        ],
        [
          graph(
            'Worker invocations',
            each(({ worker }) => worker.metricInvocations(sum)),
          ),
          graph('Worker errors and throttles', [
            ...each(({ worker }) => worker.metricErrors(sum)),
            ...each(({ worker }) => worker.metricThrottles(sum)),
          ]),
        ],
        [
          graph('API requests', [
            api.metricCount(sum),
            api.metricClientError(sum),
            api.metricServerError(sum),
          ]),
          graph('API latency, ms', [
            api.metricLatency({ period: PERIOD, statistic: 'p50', label: 'p50' }),
            api.metricLatency({ period: PERIOD, statistic: 'p99', label: 'p99' }),
          ]),
        ],
      ],
    })
  }
}
