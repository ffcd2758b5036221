import { Duration } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigateway'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import {
  type Dimension,
  METRICS,
  type MetricDefinition,
  type MetricName,
  metricNamespace,
} from '../../functions/metrics.ts'

export interface WatchedLane {
  readonly name: string
  readonly queue: sqs.IQueue
  readonly deadLetters: sqs.IQueue
  readonly worker: lambda.IFunction
}

/** The stage's parts that dashboards and alarms read metrics of. */
export interface Watched {
  readonly stageName: string
  readonly lanes: readonly WatchedLane[]
  /** Providers that this stage may call. */
  readonly providers: readonly string[]
  readonly api: apigateway.RestApi
}

export const MINUTE = Duration.minutes(1)
export const FIVE_MINUTES = Duration.minutes(5)

export interface MetricView {
  readonly statistic: string
  readonly period?: Duration
  readonly label?: string
  /** One value per dimension of one of the metric's sets; left out, the sum over all. */
  readonly by?: Partial<Readonly<Record<Dimension, string>>>
}

/** Metrics of one stage by name. Only those defined in `functions/metrics.ts`. */
export class StageMetrics {
  readonly #namespace: string

  constructor(stageName: string) {
    this.#namespace = metricNamespace(stageName)
  }

  /** @throws Error for a set of dimensions that the metric does not have: such a graph would stay empty. */
  own(name: MetricName, { statistic, period = MINUTE, label, by = {} }: MetricView): cloudwatch.Metric {
    const definition = METRICS.find((metric) => metric.name === name) as MetricDefinition
    const asked = Object.keys(by).sort().join(', ')
    const kept = definition.dimensions.map((set) => [...set].sort().join(', '))
    if (!kept.includes(asked))
      throw new Error(`Metric ${name} is not kept by [${asked}]; it is by [${kept.join('], [')}].`)
    return new cloudwatch.Metric({
      namespace: this.#namespace,
      metricName: name,
      statistic,
      period,
      ...(Object.keys(by).length > 0 ? { dimensionsMap: by as Record<string, string> } : {}),
      ...(label === undefined ? {} : { label }),
    })
  }

  /**
   * Share of failed among ended tasks, in percent; 0 while fewer than `atLeast` ended, so that one bad task raises no alarm. A
   * prompt that a model refuses does not count as failed.
   */
  failureRatio(period: Duration, atLeast: number, label = 'failed, %'): cloudwatch.MathExpression {
    return new cloudwatch.MathExpression({
      expression: `IF(FILL(failed, 0) + FILL(completed, 0) >= ${atLeast}, 100 * (FILL(failed, 0) - FILL(declined, 0)) / (FILL(failed, 0) + FILL(completed, 0)), 0)`,
      usingMetrics: {
        failed: this.own('Failed', { statistic: 'Sum', period }),
        declined: this.own('Declined', { statistic: 'Sum', period }),
        completed: this.own('Completed', { statistic: 'Sum', period }),
      },
      period,
      label,
    })
  }

  /** Share of calls that a provider refused with 429, in percent; 0 below `atLeast` calls. */
  throttledRatio(provider: string, period: Duration, atLeast: number): cloudwatch.MathExpression {
    const by = { Provider: provider }
    return new cloudwatch.MathExpression({
      expression: `IF(FILL(calls_${provider}, 0) >= ${atLeast}, 100 * FILL(throttled_${provider}, 0) / FILL(calls_${provider}, 0), 0)`,
      usingMetrics: {
        [`throttled_${provider}`]: this.own('ModelThrottled', { statistic: 'Sum', period, by }),
        [`calls_${provider}`]: this.own('ModelCalls', { statistic: 'Sum', period, by }),
      },
      period,
      label: `${provider}, %`,
    })
  }
}
