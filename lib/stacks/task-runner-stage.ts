import {
  CrossStackReferences,
  type Environment,
  PermissionsBoundary,
  ReferenceStrength,
  Stage,
  Tags,
} from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'
import { ObservabilityStack } from './observability-stack.ts'
import { StatefulStack } from './stateful-stack.ts'
import { StatelessStack } from './stateless-stack.ts'

export interface TaskRunnerStageProps {
  readonly stage: StageSettings
  readonly bundleRoot: string
  readonly version: string
  readonly env?: Environment
}

/** Context key that every stack's synthesizer reads. */
const QUALIFIER = '@aws-cdk/core:bootstrapQualifier'

/** One environment. Stacks are named after it, e.g. `TaskRunner-dev-stateful`. */
export class TaskRunnerStage extends Stage {
  readonly stateful: StatefulStack
  readonly stateless: StatelessStack
  readonly observability: ObservabilityStack | undefined

  constructor(scope: Construct, id: string, { stage, bundleRoot, version, env }: TaskRunnerStageProps) {
    super(scope, id, {
      ...(env ? { env } : {}),
      ...(stage.permissionsBoundary
        ? { permissionsBoundary: PermissionsBoundary.fromName(stage.permissionsBoundary) }
        : {}),
    })
    if (stage.bootstrapQualifier) this.node.setContext(QUALIFIER, stage.bootstrapQualifier)
    this.stateful = new StatefulStack(this, 'stateful', {
      stage,
      description: `Async AI Task Runner, ${stage.name}: table, payload bucket, dead-letter queues`,
    })
    // An export in use can be neither removed nor changed, so removing a lane would take two deployments. Queues of lanes are read from
    // outputs instead. Table and bucket stay exports, so that they cannot be deleted while functions use them.
    // LocalStack does not support the function that reads outputs.
    const usesWeakReferences = stage.name !== 'emulated'
    for (const queue of usesWeakReferences ? Object.values(this.stateful.deadLetters) : [])
      CrossStackReferences.of(queue).produce(ReferenceStrength.WEAK)
    this.stateless = new StatelessStack(this, 'stateless', {
      stage,
      stateful: this.stateful,
      bundleRoot,
      version,
      description: `Async AI Task Runner, ${stage.name}: API, lanes, sweeper`,
    })
    this.observability = stage.hasObservability
      ? new ObservabilityStack(this, 'observability', {
          stage,
          stateful: this.stateful,
          stateless: this.stateless,
          usesWeakReferences,
          description: `Async AI Task Runner, ${stage.name}: dashboards and alarms`,
        })
      : undefined
    Tags.of(this).add('application', 'task-runner')
    Tags.of(this).add('stage', stage.name)
    for (const [name, value] of Object.entries(stage.tags)) Tags.of(this).add(name, value)
  }
}
