import { join } from 'node:path'
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { type BundleName, ENV, type EnvName } from '../../functions/contract.ts'
import { nearestText } from '../../functions/core/domain/nearest-name.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'
import { checkEnvironmentSize } from './environment-size.ts'
import { FUNCTION_ACCESS } from './function-access.ts'

export interface TaskFunctionProps {
  readonly stage: StageSettings
  readonly bundle: BundleName
  /** Folder that contains one folder per bundle. */
  readonly bundleRoot: string
  readonly description: string
  readonly environment: Partial<Readonly<Record<EnvName, string>>>
  readonly memoryMb: number
  readonly timeoutSeconds: number
  /**
   * Its messages may cause further messages to itself: a workflow's step leads to the next one, a delivery to its next try. Lambda
   * follows messages by their trace and by default stops such a chain after about 16 invocations, to end accidental loops. These
   * chains end by themselves: a workflow has at most 500 steps, a delivery a limited number of tries.
   */
  readonly mayFollowItself?: true
  /** Called for every request, and nobody reads its durations: omits Lambda's own two log lines, 500 bytes. */
  readonly omitsReports?: boolean
}

/**
 * One Lambda function of a bundle, with its own role, its own log group and the alias `live`, which queues, API and timers
 * call.
 *
 * Its environment is exactly that of the access table: a missing or an extra name fails at synth. Its only initial
 * permission is to write its log. The alias moves to a new version at once, which suits a worker: running batches end on
 * their version. An API function's alias is moved by `Canary`.
 */
export class TaskFunction extends Construct {
  readonly function: lambda.Function
  readonly live: lambda.Alias
  readonly role: iam.Role
  readonly logGroupName: string

  constructor(scope: Construct, id: string, props: TaskFunctionProps) {
    super(scope, id)
    const { stage, bundle } = props
    const { tracing } = stage.observability
    const logGroup = new logs.LogGroup(this, 'Log', {
      retention: stage.logs.retentionDays as logs.RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    this.logGroupName = logGroup.logGroupName
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: props.description,
    })
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn])
    const environment = {
      ...checkEnvironment(bundle, { ...props.environment, ...stageWide(stage, bundle) }),
      ...SOURCE_MAPS[bundle],
    }
    checkEnvironmentSize(this, bundle, environment)
    if (tracing !== 'off') this.allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], ['*'])
    this.function = new lambda.Function(this, 'Function', {
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromAsset(join(props.bundleRoot, bundle)),
      handler: 'index.handler',
      description: props.description,
      memorySize: props.memoryMb,
      timeout: Duration.seconds(props.timeoutSeconds),
      // Without the CDK's own grants, which are wider than the access table.
      role: this.role.withoutPolicyUpdates(),
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: stage.logs.level as lambda.ApplicationLogLevel,
      // REPORT lines, which the runbook uses for memory and cold starts, have level INFO.
      systemLogLevelV2: props.omitsReports ? lambda.SystemLogLevel.WARN : lambda.SystemLogLevel.INFO,
      environment,
      ...(tracing === 'off' ? {} : { tracing: lambda.Tracing.ACTIVE }),
      ...(props.mayFollowItself ? { recursiveLoop: lambda.RecursiveLoop.ALLOW } : {}),
      // Old versions are kept: a batch may run on one for five more minutes, and a shift can be reversed. A version of a failed
      // deployment is deleted: Lambda refuses to publish the same code twice in a row.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE },
    })
    // Removes the CDK's dependency on the role's policy: permissions are needed at the first call, not at creation.
    const resource = this.function.node.defaultChild as lambda.CfnFunction
    resource.addDeletionOverride('DependsOn')
    this.live = new lambda.Alias(this, 'Live', {
      aliasName: 'live',
      version: this.function.currentVersion as lambda.IVersion,
    })
    // Lambda refuses an event source whose role cannot read the queue yet.
    this.live.node.addDependency(this.role.node.findChild('DefaultPolicy'))
    acknowledge(this, tracing === 'off' ? { ...ACCEPTED, ...UNTRACED } : { ...ACCEPTED, ...TRACED })
  }

  /** Adds one statement to the function's role. Resources are whole ARNs; a wildcard needs an acknowledgement. */
  allow(actions: readonly string[], resources: readonly string[], conditions?: iam.Conditions): void {
    if (actions.length === 0 || resources.length === 0) return
    this.role.addToPolicy(
      new iam.PolicyStatement({
        actions: [...actions],
        resources: [...resources],
        ...(conditions ? { conditions } : {}),
      }),
    )
  }
}

const ACCEPTED = {
  'Serverless-LambdaDLQ':
    'Nothing calls it asynchronously but the timer, whose next tick repairs; a lane has its queue’s dead letters.',
}
const UNTRACED = {
  'Serverless-LambdaTracing':
    'A trace id leads through every log line; X-Ray needs a right on all resources. The stage can turn it on.',
}
const TRACED = { 'AwsSolutions-IAM5[Resource::*]': 'X-Ray has no resources: its actions are granted on all.' }

/**
 * Stack traces name the author's file and line. Only where authors' code runs: the source map adds 600 kB to the package and
 * no measurable time to a worker's cold start, but 9 ms to an API function's.
 */
const SOURCE_MAPS: Partial<Readonly<Record<BundleName, Readonly<Record<string, string>>>>> = {
  'run-task': { NODE_OPTIONS: '--enable-source-maps' },
}

/** Settings of a stage for every function that reads them; left out where the stage does not set them, as on most stages. */
function stageWide(
  { timing, tenantLimits, tenantKmsArns, models }: StageSettings,
  bundle: BundleName,
): Partial<Record<EnvName, string>> {
  const values: Partial<Record<EnvName, string>> = {
    ...(timing.scale === 1 ? {} : { [ENV.timingScale]: String(timing.scale) }),
    ...(Object.keys(tenantLimits).length === 0 ? {} : { [ENV.tenantLimits]: JSON.stringify(tenantLimits) }),
    ...(Object.keys(tenantKmsArns).length === 0
      ? {}
      : { [ENV.tenantKmsArns]: JSON.stringify(tenantKmsArns) }),
  }
  if (!models.learnsLimits || Object.keys(models.limits).length > 0)
    values[ENV.providerLimits] = JSON.stringify({ learns: models.learnsLimits, limits: models.limits })
  const asked: readonly string[] = FUNCTION_ACCESS[bundle].optionalEnvironment ?? []
  return Object.fromEntries(Object.entries(values).filter(([name]) => asked.includes(name)))
}

function checkEnvironment(
  bundle: BundleName,
  given: TaskFunctionProps['environment'],
): Record<string, string> {
  const { environment, optionalEnvironment = [] } = FUNCTION_ACCESS[bundle]
  const set = Object.entries(given).filter(([, value]) => value !== undefined) as [EnvName, string][]
  const known = [...environment, ...optionalEnvironment]
  const missing = environment.filter((name) => !set.some(([key]) => key === name))
  const unknown = set.filter(([name]) => !known.includes(name))
  const problems = [
    ...missing.map((name) => `${name} is missing`),
    ...unknown.map(([name]) => `${name} is not among its names.${nearestText(name, known)}`),
  ]
  if (problems.length > 0)
    throw new Error(
      `The environment of "${bundle}" is wrong: ${problems.join('; ')}. Its names are listed in lib/constructs/function-access.ts.`,
    )
  return Object.fromEntries(set)
}
