import { Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { LANES } from '../../functions/contract.ts'
import { Overview } from '../observability/overview.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import type { StatefulStack } from './stateful-stack.ts'
import type { StatelessStack } from './stateless-stack.ts'

export interface ObservabilityStackProps extends StackProps {
  readonly stage: StageSettings
  readonly stateful: StatefulStack
  readonly stateless: StatelessStack
}

/** Watches the other two stacks and can be replaced without touching them: dashboard, alarms and their topic. */
export class ObservabilityStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { stage, stateful, stateless, ...props }: ObservabilityStackProps,
  ) {
    super(scope, id, props)
    new Overview(this, 'Overview', {
      stageName: stage.name,
      api: stateless.taskApi.api,
      sweeper: stateless.sweeper.sweep.function,
      sweepEveryMinutes: stage.sweeper.everyMinutes,
      lanes: LANES.map((name) => ({
        name,
        queue: stateless.lanes[name].queue,
        deadLetters: stateful.deadLetters[name],
        worker: stateless.lanes[name].worker.function,
      })),
    })
  }
}
