import { Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
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
  }
}
