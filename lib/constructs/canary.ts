import { Duration } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigateway'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import * as codedeploy from 'aws-cdk-lib/aws-codedeploy'
import { Construct } from 'constructs'
import type { ApiFunction } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'
import type { TaskFunction } from './task-function.ts'

export interface CanaryProps {
  readonly stage: StageSettings
  readonly api: apigateway.RestApi
  readonly functions: Readonly<Record<ApiFunction, TaskFunction>>
}

const PERIOD = Duration.minutes(1)
const ROLE_POLICY = 'service-role/AWSCodeDeployRoleForLambdaLimited'

/**
 * Shifts the API functions' aliases to a new version in two steps: a tenth of the requests, and after five minutes
 * the rest. An alarm in between shifts all of them back and fails the deployment, so that the stack rolls back too.
 *
 * Two alarms, because the functions of the API turn an exception into a 500: a function's own errors show crashes and failed
 * starts, the gateway's 5xx shows wrong answers. A tenth of little traffic proves little; a stage without callers passes
 * every canary.
 */
export class Canary extends Construct {
  constructor(scope: Construct, id: string, { stage, api, functions }: CanaryProps) {
    super(scope, id)
    const application = new codedeploy.LambdaApplication(this, 'Application')
    const serverErrors = this.#alarm(stage, 'ServerErrors', {
      metric: api.metricServerError({ period: PERIOD, statistic: 'Sum' }),
      threshold: 5,
      alarmDescription:
        'The API answered 5 or more times with 5xx within a minute. Stops a running deployment.',
    })
    for (const [bundle, { live }] of Object.entries(functions)) {
      const failures = this.#alarm(stage, `Errors-${bundle}`, {
        metric: live.metricErrors({ period: PERIOD, statistic: 'Sum' }),
        threshold: 1,
        alarmDescription: `An invocation of ${bundle} died or did not load. Stops a running deployment.`,
      })
      const group = new codedeploy.LambdaDeploymentGroup(this, bundle, {
        application,
        alias: live,
        deploymentConfig: codedeploy.LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
        alarms: [failures, serverErrors],
        autoRollback: { failedDeployment: true, stoppedDeployment: true, deploymentInAlarm: true },
      })
      acknowledge(group, {
        [`AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${ROLE_POLICY}]`]:
          'The policy AWS names for CodeDeploy on Lambda: it moves aliases and reads alarms.',
      })
    }
  }

  #alarm(
    stage: StageSettings,
    id: string,
    props: Pick<cloudwatch.AlarmProps, 'metric' | 'threshold' | 'alarmDescription'>,
  ): cloudwatch.Alarm {
    return new cloudwatch.Alarm(this, id, {
      alarmName: `TaskRunner-${stage.name}-Canary-${id}`,
      evaluationPeriods: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...props,
    })
  }
}
