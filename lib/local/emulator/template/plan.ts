import type { AssembledStack, Assembly, TemplateResource } from './assembly.ts'
import { resolveValue, type Scope } from './intrinsics.ts'
import { checkKnown } from './known-resources.ts'
import { Naming, type PlanOptions } from './naming.ts'

/** The content of a template for this machine, with all CloudFormation functions resolved. */
export interface Plan {
  readonly tables: readonly TablePlan[]
  readonly buckets: readonly BucketPlan[]
  readonly queues: readonly QueuePlan[]
  readonly functions: readonly FunctionPlan[]
  readonly eventSources: readonly EventSourcePlan[]
  readonly timers: readonly TimerPlan[]
  readonly api: ApiPlan
  readonly dashboards: readonly DashboardPlan[]
  readonly alarms: readonly AlarmPlan[]
}

export interface TablePlan {
  readonly name: string
  /** In the form of `CreateTable`. */
  readonly AttributeDefinitions: unknown
  readonly KeySchema: unknown
  readonly GlobalSecondaryIndexes: unknown
  readonly ttlAttribute: string | undefined
}
export interface BucketPlan {
  readonly name: string
  readonly expiry: readonly { readonly prefix: string; readonly days: number }[]
}
export interface QueuePlan {
  readonly name: string
  readonly url: string
  readonly arn: string
  /** In the form of `CreateQueue`. */
  readonly attributes: Readonly<Record<string, string>>
}
export interface FunctionPlan {
  readonly arn: string
  readonly functionName: string
  /** Logical id without its hash: `laneaiWorkerFunction`. */
  readonly name: string
  readonly codeDirectory: string
  /** `file.export`. */
  readonly handler: string
  readonly memoryMb: number
  readonly timeoutMs: number
  readonly environment: Readonly<Record<string, string>>
  /** Name of its log group in the cloud. */
  readonly logGroup: string
}
export interface EventSourcePlan {
  /** The value of its `Ref`. */
  readonly id: string
  readonly queueArn: string
  readonly functionName: string
  readonly batchSize: number
  readonly windowMs: number
  readonly maxConcurrency: number
  readonly reportsFailures: boolean
}
export interface TimerPlan {
  readonly name: string
  readonly expression: string
  readonly timeZone: string
  readonly functionName: string
  readonly input: unknown
}
export interface DashboardPlan {
  readonly name: string
  /** In CloudWatch's form: `{ widgets: [...] }`. */
  readonly body: unknown
}
export interface AlarmPlan {
  readonly name: string
  readonly description: string
  /** In CloudFormation's form; a composite has an `AlarmRule`. */
  readonly properties: Readonly<Record<string, unknown>>
}
export interface ApiPlan {
  readonly name: string
  readonly stageName: string
  readonly methods: readonly {
    /** Template of the path: `/api/v1/tasks/{id}`. */
    readonly path: string
    readonly method: string
    readonly functionName: string
    /** Function that authenticates callers; undefined for a method without an authorizer. */
    readonly authorizer?: string | undefined
    /** The answer is sent to the client piece by piece. */
    readonly isStreamed: boolean
    /** Timeout of the integration. */
    readonly timeoutMs: number
  }[]
  readonly answers: Readonly<Record<string, GatewayAnswerPlan>>
}
export interface GatewayAnswerPlan {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly template: string
}

interface StackResource {
  readonly stack: string
  readonly id: string
  readonly type: string
  readonly properties: Readonly<Record<string, unknown>>
}

/**
 * Resolves an assembly.
 *
 * @throws Error that names stack and resource, for anything that this machine cannot run like the cloud.
 */
export function planAssembly(assembly: Assembly, options: PlanOptions): Plan {
  const naming = new Naming(options)
  const exported = new Map<string, unknown>()
  const outputs: OutputOf[] = []
  const output = (reader: string, stack: string, name: string): unknown => {
    for (const find of outputs) {
      const found = find(stack, name)
      if (found) return found.value
    }
    throw new Error(`${reader} reads output ${name} of ${stack}, which no stack before it has.`)
  }
  const placed: StackResource[] = []
  for (const stack of assembly.stacks) {
    const scope = scopeOf(stack, naming, exported, output)
    for (const [id, resource] of Object.entries(stack.template.Resources)) {
      checkKnown(stack.stackName, id, resource)
      placed.push(place(stack, id, resource, scope))
    }
    for (const { Value, Export } of Object.values(stack.template.Outputs ?? {}))
      if (Export) exported.set(String(resolveValue(Export.Name, scope)), resolveValue(Value, scope))
    // Resolved when read, because most outputs are for people and use attributes that do not exist here.
    outputs.push((name, key) => {
      const found = name === stack.stackName ? stack.template.Outputs?.[key] : undefined
      return found && { value: resolveValue(found.Value, scope) }
    })
  }
  const of = (type: string) => placed.filter((resource) => resource.type === type)
  const functions = of('AWS::Lambda::Function').map((item) => toFunction(item, naming, assembly.assets))
  return {
    tables: of('AWS::DynamoDB::GlobalTable').map((item) => toTable(item, naming)),
    buckets: of('AWS::S3::Bucket').map((item) => toBucket(item, naming)),
    queues: of('AWS::SQS::Queue').map((item) => toQueue(item, naming)),
    functions,
    eventSources: of('AWS::Lambda::EventSourceMapping')
      .map(toEventSource)
      .filter((source) => source !== undefined),
    timers: of('AWS::Scheduler::Schedule')
      .map(toTimer)
      .filter((timer) => timer !== undefined),
    api: toApi(of),
    dashboards: of('AWS::CloudWatch::Dashboard').map(({ properties: p }) => ({
      name: String(p.DashboardName),
      body: JSON.parse(String(p.DashboardBody)),
    })),
    alarms: [...of('AWS::CloudWatch::Alarm'), ...of('AWS::CloudWatch::CompositeAlarm')].map(
      ({ properties: p }) => ({
        name: String(p.AlarmName),
        description: String(p.AlarmDescription ?? ''),
        properties: p,
      }),
    ),
  }
}

type OutputOf = (stack: string, name: string) => { readonly value: unknown } | undefined

function scopeOf(
  stack: AssembledStack,
  naming: Naming,
  exported: ReadonlyMap<string, unknown>,
  output: (reader: string, stack: string, name: string) => unknown,
): Scope {
  const { Resources } = stack.template
  const find = (id: string): TemplateResource => {
    const resource = Resources[id]
    if (!resource) throw new Error(`${stack.stackName} refers to ${id}, which is not in it.`)
    return resource
  }
  return {
    place: naming.place,
    ref: (id) => naming.ref(stack.stackName, id, find(id)),
    attribute: (id, name) => naming.attribute(stack.stackName, id, find(id), name),
    imported: (name) => {
      if (!exported.has(name))
        throw new Error(`${stack.stackName} imports ${name}, which no stack before it exports.`)
      return exported.get(name)
    },
    output: (name, key) => output(stack.stackName, name, key),
  }
}

function place(stack: AssembledStack, id: string, resource: TemplateResource, scope: Scope): StackResource {
  try {
    return {
      stack: stack.stackName,
      id,
      type: resource.Type,
      properties: resolveValue(resource.Properties ?? {}, scope) as Record<string, unknown>,
    }
  } catch (cause) {
    throw new Error(`${stack.stackName}: ${id} (${resource.Type}): ${(cause as Error).message}`, { cause })
  }
}

/** API Gateway's default when a template sets none. */
const INTEGRATION_MS = 29_000

/** Name of a function, from an ARN or `name:alias`; here each function has one version. */
const FUNCTION = /(?:^|function:)([^:/]+)(?::[^:/]+)?(?:\/(?:response-streaming-)?invocations)?$/
const unqualified = (reference: unknown): string => FUNCTION.exec(String(reference))?.[1] ?? String(reference)

/** Readable name of a resource: its logical id without the hash at its end. */
const readable = (id: string): string => id.replace(/[0-9A-F]{8}$/, '')

function toTable({ stack, id, type, properties: p }: StackResource, naming: Naming): TablePlan {
  const ttl = p.TimeToLiveSpecification as { AttributeName: string; Enabled: boolean } | undefined
  return {
    name: naming.physicalName(stack, id, { Type: type, Properties: p }),
    AttributeDefinitions: p.AttributeDefinitions,
    KeySchema: p.KeySchema,
    GlobalSecondaryIndexes: p.GlobalSecondaryIndexes,
    ttlAttribute: ttl?.Enabled ? ttl.AttributeName : undefined,
  }
}

function toBucket({ stack, id, type, properties: p }: StackResource, naming: Naming): BucketPlan {
  const rules =
    (p.LifecycleConfiguration as { Rules?: { Prefix?: string; ExpirationInDays?: number }[] })?.Rules ?? []
  return {
    name: naming.physicalName(stack, id, { Type: type, Properties: p }),
    expiry: rules.flatMap(({ Prefix = '', ExpirationInDays: days }) =>
      days === undefined ? [] : [{ prefix: Prefix, days }],
    ),
  }
}

function toQueue({ stack, id, type, properties: p }: StackResource, naming: Naming): QueuePlan {
  const name = naming.physicalName(stack, id, { Type: type, Properties: p })
  const attributes: Record<string, string> = {}
  for (const key of ['MessageRetentionPeriod', 'VisibilityTimeout'])
    if (p[key] !== undefined) attributes[key] = String(p[key])
  for (const key of ['RedrivePolicy', 'RedriveAllowPolicy'])
    if (p[key] !== undefined) attributes[key] = JSON.stringify(p[key])
  return { name, url: naming.queueUrl(name), arn: naming.arn('sqs', name), attributes }
}

function toFunction(
  { stack, id, properties: p }: StackResource,
  naming: Naming,
  assets: ReadonlyMap<string, string>,
): FunctionPlan {
  const place = `${stack}: ${id}`
  const runtime = String(p.Runtime)
  const own = `nodejs${process.versions.node.split('.')[0]}.x`
  if (runtime !== own) throw new Error(`${place} wants ${runtime}; the local runtime has ${own}.`)
  const { S3Key } = p.Code as { S3Key?: string }
  const codeDirectory = assets.get(S3Key ?? '')
  if (!codeDirectory) throw new Error(`${place} has no code asset in the assembly.`)
  return {
    arn: naming.functionArn(`${stack}-${id}`),
    functionName: `${stack}-${id}`,
    name: readable(id).replace(/Function$/, ''),
    codeDirectory,
    handler: String(p.Handler),
    memoryMb: Number(p.MemorySize ?? 128),
    timeoutMs: Number(p.Timeout ?? 3) * 1_000,
    environment: ((p.Environment as { Variables?: Record<string, string> })?.Variables ?? {}) as Record<
      string,
      string
    >,
    logGroup: String((p.LoggingConfig as { LogGroup?: string } | undefined)?.LogGroup ?? ''),
  }
}

function toEventSource({ stack, id, properties: p }: StackResource): EventSourcePlan | undefined {
  if (p.Enabled === false) return undefined
  const scaling = p.ScalingConfig as { MaximumConcurrency?: number } | undefined
  return {
    id: `${stack}-${id}`,
    queueArn: String(p.EventSourceArn),
    functionName: unqualified(p.FunctionName),
    batchSize: Number(p.BatchSize ?? 10),
    windowMs: Number(p.MaximumBatchingWindowInSeconds ?? 0) * 1_000,
    maxConcurrency: scaling?.MaximumConcurrency ?? 1_000,
    reportsFailures: ((p.FunctionResponseTypes ?? []) as string[]).includes('ReportBatchItemFailures'),
  }
}

function toTimer({ stack, id, properties: p }: StackResource): TimerPlan | undefined {
  if (p.State === 'DISABLED') return undefined
  const target = p.Target as { Arn: string; Input?: string }
  if ((p.FlexibleTimeWindow as { Mode?: string })?.Mode !== 'OFF')
    throw new Error(`${stack}: ${id} has a flexible time window, which the local runtime does not know.`)
  return {
    name: readable(id),
    expression: String(p.ScheduleExpression),
    timeZone: String(p.ScheduleExpressionTimezone ?? 'UTC'),
    functionName: unqualified(target.Arn),
    input: target.Input === undefined ? {} : JSON.parse(target.Input),
  }
}

function toApi(of: (type: string) => StackResource[]): ApiPlan {
  const apis = of('AWS::ApiGateway::RestApi')
  if (apis.length !== 1)
    throw new Error(`The local runtime serves exactly one REST API; the assembly has ${apis.length}.`)
  if (apis[0]?.properties.BinaryMediaTypes)
    throw new Error('Binary media types are not known to the local runtime.')
  const resources = new Map(
    of('AWS::ApiGateway::Resource').map((item) => [`${item.stack}-${item.id}`, item.properties]),
  )
  const pathOf = (reference: string): string => {
    const resource = resources.get(reference)
    return resource ? `${pathOf(String(resource.ParentId))}/${resource.PathPart}` : ''
  }
  const authorizers = new Map(
    of('AWS::ApiGateway::Authorizer').map((item) => [`${item.stack}-${item.id}`, item.properties]),
  )
  const authorizerOf = (reference: string): string => {
    const { Type, AuthorizerUri, AuthorizerResultTtlInSeconds, IdentitySource } =
      authorizers.get(reference) ?? {}
    if (Type !== 'REQUEST' || AuthorizerResultTtlInSeconds !== 0 || IdentitySource)
      throw new Error(`${reference}: only REQUEST authorizers whose answers nobody keeps (0 s) run locally.`)
    return unqualified(AuthorizerUri)
  }
  return {
    name: String(apis[0]?.properties.Name),
    stageName: String(of('AWS::ApiGateway::Stage')[0]?.properties.StageName ?? 'local'),
    methods: of('AWS::ApiGateway::Method').map(({ stack, id, properties: p }) => {
      const { Type, Uri, ResponseTransferMode, TimeoutInMillis } = p.Integration as {
        Type: string
        Uri: string
        ResponseTransferMode?: string
        TimeoutInMillis?: number
      }
      if (Type !== 'AWS_PROXY')
        throw new Error(`${stack}: ${id} has a ${Type} integration; only AWS_PROXY runs locally.`)
      const isAuthorized = p.AuthorizationType === 'CUSTOM'
      if (p.ApiKeyRequired || (p.AuthorizationType !== 'NONE' && !isAuthorized))
        throw new Error(
          `${stack}: ${id} wants API Gateway's key or a signature; the local runtime knows neither.`,
        )
      return {
        path: pathOf(String(p.ResourceId)) || '/',
        method: String(p.HttpMethod),
        functionName: unqualified(Uri),
        ...(isAuthorized ? { authorizer: authorizerOf(String(p.AuthorizerId)) } : {}),
        isStreamed: ResponseTransferMode === 'STREAM',
        timeoutMs: TimeoutInMillis ?? INTEGRATION_MS,
      }
    }),
    answers: Object.fromEntries(
      of('AWS::ApiGateway::GatewayResponse').map(({ properties: p }) => [p.ResponseType, toAnswer(p)]),
    ),
  }
}

function toAnswer(p: StackResource['properties']): GatewayAnswerPlan {
  const prefix = 'gatewayresponse.header.'
  return {
    status: Number(p.StatusCode),
    headers: Object.fromEntries(
      Object.entries((p.ResponseParameters ?? {}) as Record<string, string>).map(([name, value]) => [
        name.slice(prefix.length),
        value,
      ]),
    ),
    template: Object.values((p.ResponseTemplates ?? {}) as Record<string, string>)[0] ?? '',
  }
}
