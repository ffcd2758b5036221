import { Duration, Stack } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import { Schedule, type ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler'
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import type { TaskFunction } from './task-function.ts'

export interface FunctionTimerProps {
  readonly target: TaskFunction
  readonly schedule: ScheduleExpression
  readonly description: string
  /** One call per event at each time; one call without an event when left out. */
  readonly events?: readonly object[]
}

/**
 * Invokes a function at fixed times, with a role that has no other permission.
 *
 * A failed call is not repeated and makes no dead letter, because functions called by a timer find the same rows the next
 * time.
 */
export class FunctionTimer extends Construct {
  constructor(scope: Construct, id: string, { target, schedule, description, events }: FunctionTimerProps) {
    super(scope, id)
    target.live.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) })
    acknowledge(target, {
      'Serverless-LambdaAsyncFailureDestination':
        'A failed call leaves nothing behind: the next one finds the same rows.',
    })
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description,
    })
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [target.live.functionArn],
      }),
    )
    for (const [index, event] of (events ?? [undefined]).entries()) {
      const timer = new Schedule(this, index === 0 ? 'Schedule' : `Schedule${index}`, {
        description,
        schedule,
        target: new LambdaInvoke(target.live as lambda.IFunction, {
          role: role.withoutPolicyUpdates(),
          retryAttempts: 0,
          maxEventAge: Duration.minutes(1),
          ...(event ? { input: ScheduleTargetInput.fromObject(event) } : {}),
        }),
      })
      timer.node.addDependency(role.node.findChild('DefaultPolicy'))
    }
  }
}
