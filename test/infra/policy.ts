/**
 * What a template of a deployed stage must contain, as checks over its resources, so that they can also run on a template with
 * a mistake made on purpose (`policy.test.ts`). Written independently: nothing here comes from `lib/`.
 */
import { LANES } from '../../functions/contract.ts'
import type { Resource, Resources } from '../fixtures/templates.ts'
import { answers, background, parts, trail } from './policy-watch.ts'

export interface Templates {
  readonly stateful: Resources
  readonly stateless: Resources
  readonly observability: Resources
}

type Check = (templates: Templates) => readonly string[]

const ofType = (resources: Resources, type: string) =>
  Object.entries(resources).filter(([, resource]) => resource.Type === type)

/** A logical id without its hash. */
const plain = (id: string) => id.replace(/[0-9A-F]{8}$/, '')

/** A value of a template as a person would write it: references by name, joined parts joined. */
export function readable(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const [name = '', argument] = Object.entries(value)[0] ?? []
  switch (name) {
    case 'Ref':
      return String(argument).startsWith('AWS::') ? '' : plain(String(argument))
    case 'Fn::GetAtt':
      return plain(String((argument as string[])[0]))
    case 'Fn::ImportValue': {
      const [, id = ''] = /ExportsOutput(?:FnGetAtt|Ref)(\w+?)(?:Arn[0-9A-F]*)?$/.exec(String(argument)) ?? []
      return plain(id.replace(/[0-9A-F]{8}$/, ''))
    }
    case 'Fn::GetStackOutput': {
      const { OutputName } = argument as { OutputName: string }
      const [, id = ''] = /^PublishOutput(?:FnGetAtt|Ref)(\w+?)(?:Arn[0-9A-F]*)?$/.exec(OutputName) ?? []
      return plain(id.replace(/[0-9A-F]{8}$/, ''))
    }
    case 'Fn::Join': {
      const [separator, parts] = argument as [string, unknown[]]
      return parts.map(readable).join(separator)
    }
    default:
      return JSON.stringify(value)
  }
}

export interface Statement {
  readonly Action: string | string[]
  readonly Resource: unknown
  readonly Effect: string
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** `where dynamodb:LeadingKeys is WAITS`, or nothing. */
const whereOf = ({ Condition = {} }: Statement): string =>
  Object.values(Condition)
    .flatMap((fields) => Object.entries(fields))
    .map(([field, value]) => ` where ${field} is ${[value].flat().join(', ')}`)
    .join('')

/** One right in readable form, and the statement that gives it. */
export interface Right {
  readonly action: string
  readonly resource: string
  readonly line: string
  readonly statement: Statement
}

/** The rights of each function's role, by the function's logical id without its hash. */
export function rightsByFunction(stateless: Resources): ReadonlyMap<string, readonly Right[]> {
  const byRole = new Map<string, Right[]>()
  for (const [, { Properties }] of ofType(stateless, 'AWS::IAM::Policy')) {
    const { Roles, PolicyDocument } = Properties as {
      Roles: { Ref: string }[]
      PolicyDocument: { Statement: Statement[] }
    }
    const rights = PolicyDocument.Statement.flatMap((statement) =>
      [statement.Action].flat().flatMap((action) =>
        [statement.Resource].flat().map((value) => {
          const resource = readable(value)
          const effect = statement.Effect === 'Allow' ? '' : `${statement.Effect} `
          return {
            action,
            resource,
            statement,
            line: `${effect}${action} on ${resource}${whereOf(statement)}`,
          }
        }),
      ),
    )
    for (const { Ref } of Roles) byRole.set(Ref, [...(byRole.get(Ref) ?? []), ...rights])
  }
  return new Map(
    ofType(stateless, 'AWS::Lambda::Function').map(([id, { Properties }]) => {
      const role = (Properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0]
      return [plain(id), byRole.get(role) ?? []]
    }),
  )
}

/** One line per function, action and resource, and the function's environment names, for a review of rights. */
export function rightsOf({ stateless }: Templates): string[] {
  const rights = rightsByFunction(stateless)
  return ofType(stateless, 'AWS::Lambda::Function').flatMap(([id, { Properties }]) => {
    const { Variables = {} } = (Properties.Environment ?? {}) as { Variables?: object }
    const lines = (rights.get(plain(id)) ?? []).map(({ line }) => `  may ${line}`)
    return [plain(id), ...lines.toSorted(), `  is told ${Object.keys(Variables).toSorted().join(', ')}`]
  })
}

const table: Check = ({ stateful }) => {
  const [[, found] = []] = ofType(stateful, 'AWS::DynamoDB::GlobalTable')
  const said = JSON.stringify([
    found?.Properties.KeySchema,
    (found?.Properties.GlobalSecondaryIndexes as { IndexName: string; KeySchema: unknown }[])?.map(
      ({ IndexName, KeySchema }) => [IndexName, KeySchema],
    ),
    found?.Properties.TimeToLiveSpecification,
    found?.Properties.BillingMode,
  ])
  const keys = (hash: string, range: string) => [
    { AttributeName: hash, KeyType: 'HASH' },
    { AttributeName: range, KeyType: 'RANGE' },
  ]
  const wanted = JSON.stringify([
    keys('pk', 'sk'),
    [
      ['list', keys('listShard', 'createdKey')],
      ['state', keys('stateShard', 'createdKey')],
      ['due', keys('dueShard', 'dueAt')],
    ],
    { AttributeName: 'reapAt', Enabled: true },
    'PAY_PER_REQUEST',
  ])
  return said === wanted ? [] : [`the table’s keys, indexes, TTL and billing mode are ${said}`]
}

const bucket: Check = ({ stateful }) =>
  ofType(stateful, 'AWS::S3::Bucket').flatMap(([id, { Properties }]) => {
    const block = Object.values((Properties.PublicAccessBlockConfiguration ?? {}) as object)
    const policies = ofType(stateful, 'AWS::S3::BucketPolicy')
    const isTlsOnly = policies.some(([, policy]) => {
      const text = JSON.stringify(policy.Properties)
      return text.includes(id) && text.includes('"aws:SecureTransport":"false"') && text.includes('"Deny"')
    })
    return [
      ...(block.length === 4 && block.every((value) => value === true) ? [] : [`${id} can be made public`]),
      ...(Properties.BucketEncryption ? [] : [`${id} is not encrypted`]),
      ...(isTlsOnly ? [] : [`${id} accepts calls without TLS`]),
    ]
  })

const queues: Check = ({ stateful, stateless }) => {
  const all = { ...stateful, ...stateless }
  return ofType(all, 'AWS::SQS::Queue').flatMap(([id, { Properties }]) => {
    const isDead = /deadletters/.test(id)
    const isTlsOnly = ofType(all, 'AWS::SQS::QueuePolicy').some(([, policy]) => {
      const text = JSON.stringify(policy.Properties)
      return (
        text.includes(`"${id}"`) && text.includes('"aws:SecureTransport":"false"') && text.includes('"Deny"')
      )
    })
    const { maxReceiveCount = 0 } = (Properties.RedrivePolicy ?? {}) as { maxReceiveCount?: number }
    return [
      ...(Properties.SqsManagedSseEnabled === true ? [] : [`${id} is not encrypted`]),
      ...(isTlsOnly ? [] : [`${id} accepts calls without TLS`]),
      ...(isDead || maxReceiveCount >= 3 ? [] : [`${id} has no dead-letter queue`]),
      ...(!isDead || Properties.RedriveAllowPolicy ? [] : [`${id} accepts dead letters of any queue`]),
      ...(!isDead || Properties.MessageRetentionPeriod === 1_209_600
        ? []
        : [`${id} keeps dead letters for less than 14 days`]),
    ]
  })
}

const eventSources: Check = ({ stateless }) => {
  const problems = ofType(stateless, 'AWS::Lambda::EventSourceMapping').flatMap(([id, { Properties }]) => {
    const queue = find(stateless, Properties.EventSourceArn, 'AWS::SQS::Queue')
    const alias = find(stateless, Properties.FunctionName, 'AWS::Lambda::Alias')
    const target = find(stateless, alias?.Properties.FunctionName, 'AWS::Lambda::Function')
    const visibility = Number(queue?.Properties.VisibilityTimeout ?? 30)
    const { MaximumConcurrency = 0 } = (Properties.ScalingConfig ?? {}) as { MaximumConcurrency?: number }
    return [
      ...(JSON.stringify(Properties.FunctionResponseTypes) === '["ReportBatchItemFailures"]'
        ? []
        : [`${id} does not report failures per message`]),
      ...(alias ? [] : [`${id} does not call an alias`]),
      ...(visibility >= Number(target?.Properties.Timeout ?? 0)
        ? []
        : [`${id}: the visibility time-out is shorter than the function’s time-out`]),
      ...(MaximumConcurrency >= 2 ? [] : [`${id} has no maximum concurrency`]),
    ]
  })
  const count = ofType(stateless, 'AWS::Lambda::EventSourceMapping').length
  return count === LANES.length + 2
    ? problems
    : [...problems, `${count} event sources, not one per lane and one each for workflows and webhooks`]
}

const functions: Check = ({ stateless }) =>
  ofType(stateless, 'AWS::Lambda::Function').flatMap(([id, { Properties: p }]) => [
    ...(p.Runtime === 'nodejs24.x' ? [] : [`${id} runs on ${p.Runtime}`]),
    ...(JSON.stringify(p.Architectures) === '["arm64"]' ? [] : [`${id} is not arm64`]),
    ...(p.Handler === 'index.handler' ? [] : [`${id} has the handler ${p.Handler}`]),
    ...(p.LoggingConfig ? [] : [`${id} logs into a group without a retention time`]),
    ...(/^(Writes|Reads|Operate|Flows|Mcp|Keys|Public)/.test(id) && Number(p.Timeout) > 29
      ? [`${id} has a longer time-out than the gateway`]
      : []),
  ])

const api: Check = ({ stateless }) => {
  const open = ['/api/v1/health']
  // The authorizer is called for every request, because a cached answer of it applies to all routes.
  const authorizers = new Set(
    ofType(stateless, 'AWS::ApiGateway::Authorizer')
      .filter(([, { Properties: p }]) => p.Type === 'REQUEST' && p.AuthorizerResultTtlInSeconds === 0)
      .map(([id]) => id),
  )
  const resources = Object.fromEntries(ofType(stateless, 'AWS::ApiGateway::Resource'))
  const pathOf = (id: string): string => {
    const { ParentId, PathPart } = resources[id]?.Properties ?? {}
    return PathPart === undefined ? '' : `${pathOf((ParentId as { Ref?: string }).Ref ?? '')}/${PathPart}`
  }
  return ofType(stateless, 'AWS::ApiGateway::Method').flatMap(([id, { Properties: p }]) => {
    const path = pathOf((p.ResourceId as { Ref?: string }).Ref ?? '')
    const authorizer = (p.AuthorizerId as { Ref?: string } | undefined)?.Ref ?? ''
    const isClosed = p.AuthorizationType === 'CUSTOM' && authorizers.has(authorizer)
    return isClosed || open.includes(path) ? [] : [`${p.HttpMethod} ${path || '/'} (${id}) is open`]
  })
}

const rights: Check = ({ stateful, stateless }) => {
  const all = { ...stateful, ...stateless }
  const statements = ofType(all, 'AWS::IAM::Policy').flatMap(([id, { Properties }]) =>
    (Properties.PolicyDocument as { Statement: Statement[] }).Statement.map((statement) => ({
      id,
      ...statement,
    })),
  )
  const wide = statements.flatMap(({ id, Action, Resource }) => [
    ...[Action]
      .flat()
      .filter((action) => action.includes('*'))
      .map((action) => `${id} allows ${action}`),
    ...[Resource]
      .flat()
      .filter((resource) => resource === '*')
      .map(() => `${id} allows an action on all resources`),
  ])
  const permissions = ofType(stateless, 'AWS::Lambda::Permission').flatMap(([id, { Properties }]) =>
    Properties.SourceArn ? [] : [`${id} lets that service call for any account`],
  )
  return [...wide, ...permissions]
}

const timers: Check = ({ stateless }) => {
  const said = ofType(stateless, 'AWS::Scheduler::Schedule')
    .map(([, { Properties: p }]) => `${p.State} ${p.ScheduleExpression}`)
    .toSorted()
  const declared = ofType(stateless, 'AWS::Lambda::Function')
    .map(([, { Properties: p }]) => JSON.stringify(p.Environment ?? {}))
    .find((text) => text.includes('STAGE_SCHEDULES'))
  const cleansUp = declared?.replaceAll('\\', '').includes('"expression":"0 2 * * *"')
  return [
    ...(said.join() === Array(4).fill('ENABLED rate(1 minute)').join() ? [] : [`timers: ${said.join('; ')}`]),
    ...(cleansUp ? [] : ['timers: the daily cleanup is not scheduled at 02:00']),
  ]
}

const protection: Check = ({ stateful }) =>
  Object.entries(stateful)
    .filter(([, { Type }]) => ['AWS::DynamoDB::GlobalTable', 'AWS::S3::Bucket'].includes(Type))
    .flatMap(([id, { DeletionPolicy, UpdateReplacePolicy, Properties }]) => {
      const [replica] = (Properties.Replicas ?? [{}]) as Record<string, unknown>[]
      const isTable = Properties.Replicas !== undefined
      return [
        ...(DeletionPolicy === 'Retain' && UpdateReplacePolicy === 'Retain'
          ? []
          : [`${id} is deleted with its stack`]),
        ...(isTable && replica?.DeletionProtectionEnabled !== true ? [`${id} can be deleted`] : []),
        ...(isTable && !JSON.stringify(replica).includes('"PointInTimeRecoveryEnabled":true')
          ? [`${id} cannot be restored`]
          : []),
      ]
    })

const alarms: Check = ({ stateless }) =>
  ofType(stateless, 'AWS::CodeDeploy::DeploymentGroup').length === 9 ? [] : ['an API function has no canary']

/** A topic with a policy of its own loses the default policy, which allows CloudWatch to publish. */
const topics: Check = ({ observability }) => {
  const named = new Set(
    ofType(observability, 'AWS::CloudWatch::Alarm')
      .concat(ofType(observability, 'AWS::CloudWatch::CompositeAlarm'))
      .flatMap(([, { Properties }]) => (Properties.AlarmActions ?? []) as { Ref: string }[])
      .map(({ Ref }) => Ref),
  )
  const problems = [...named].flatMap((topic) => {
    const policies = ofType(observability, 'AWS::SNS::TopicPolicy').filter(([, { Properties }]) =>
      JSON.stringify(Properties.Topics).includes(`"${topic}"`),
    )
    const lets = policies.some(([, { Properties }]) =>
      (
        Properties.PolicyDocument as {
          Statement: (Statement & { Principal?: unknown; Condition?: unknown })[]
        }
      ).Statement.some(
        ({ Effect, Action, Principal, Condition }) =>
          Effect === 'Allow' &&
          [Action].flat().includes('sns:Publish') &&
          JSON.stringify(Principal) === '{"Service":"cloudwatch.amazonaws.com"}' &&
          JSON.stringify(Condition) === '{"StringEquals":{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}}',
      ),
    )
    return policies.length === 0 || lets ? [] : [`${topic} does not let CloudWatch publish`]
  })
  return named.size === 2 ? problems : [...problems, `alarms go to ${named.size} topics, not two`]
}

/**
 * How often a waiting task may be received before it goes to the dead-letter queue: well above the six after which the sweeper
 * handles it.
 */
const patience: Check = ({ stateless }) =>
  ofType(stateless, 'AWS::SQS::Queue').flatMap(([id, { Properties }]) => {
    const { maxReceiveCount = 0 } = (Properties.RedrivePolicy ?? {}) as { maxReceiveCount?: number }
    return maxReceiveCount >= 50 || /deadletters/.test(id)
      ? []
      : [`${id} moves messages to the dead-letter queue after ${maxReceiveCount} receives`]
  })

/** Lines below the level are dropped. Metrics, and the REPORT lines that the runbook uses, have level INFO. */
const levels: Check = ({ stateless }) =>
  ofType(stateless, 'AWS::Lambda::Function').flatMap(([id, { Properties }]) => {
    const { ApplicationLogLevel, SystemLogLevel } = (Properties.LoggingConfig ?? {}) as Record<string, string>
    const hears = (level: string | undefined) => level === 'INFO' || level === 'DEBUG'
    // Lambda's own lines for it would double the log of a request, and the runbook does not use them.
    const isQuiet = id.startsWith('Authorizer')
    return hears(ApplicationLogLevel) && (isQuiet || hears(SystemLogLevel)) ? [] : [`${id} drops INFO lines`]
  })

/** Files that anybody may request cost data transfer: none in production, a low rate, and compressed. */
const files: Check = ({ stateless }) => {
  const [[, api] = []] = ofType(stateless, 'AWS::ApiGateway::RestApi')
  const [[, stage] = []] = ofType(stateless, 'AWS::ApiGateway::Stage')
  const settings = (stage?.Properties.MethodSettings ?? []) as {
    ResourcePath: string
    ThrottlingRateLimit?: number
    MetricsEnabled?: boolean
  }[]
  const docs = settings.find(({ ResourcePath }) => /docs~1\{file\}|docs\/\{file\}/.test(ResourcePath))
  return [
    ...(Number(api?.Properties.MinimumCompressionSize ?? -1) >= 0 ? [] : ['answers are not compressed']),
    ...((docs?.ThrottlingRateLimit ?? 1e9) <= 10 ? [] : ['the docs files have no rate limit of their own']),
    ...(settings.some(({ MetricsEnabled }) => MetricsEnabled)
      ? ['metrics per method are on: they cost, and nothing reads them']
      : []),
  ]
}

/**
 * Lambda stops a chain of messages and invocations at about 16 (docs.aws.amazon.com/lambda, "Use Lambda recursive loop
 * detection"). A function that reads a queue may be part of a workflow of 500 steps; no other function needs such chains.
 */
const loops: Check = ({ stateless }) => {
  const consumers = new Set(
    ofType(stateless, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => {
      const alias = find(stateless, Properties.FunctionName, 'AWS::Lambda::Alias')
      return find(stateless, alias?.Properties.FunctionName, 'AWS::Lambda::Function')
    }),
  )
  return ofType(stateless, 'AWS::Lambda::Function').flatMap(([id, resource]) => {
    const mayLoop = resource.Properties.RecursiveLoop === 'Allow'
    if (mayLoop === consumers.has(resource)) return []
    return [mayLoop ? `${id} may call itself in a loop` : `Lambda stops ${id} in a long workflow`]
  })
}

/**
 * Names that must be unique in an account, or in its Region: without the stage's name in them, a second stage could not be
 * deployed.
 */
const UNIQUE: Readonly<Record<string, readonly string[]>> = {
  'AWS::SQS::Queue': ['QueueName'],
  'AWS::ApiGateway::RestApi': ['Name'],
  'AWS::CloudWatch::Alarm': ['AlarmName'],
  'AWS::CloudWatch::CompositeAlarm': ['AlarmName'],
  'AWS::CloudWatch::Dashboard': ['DashboardName'],
  'AWS::Logs::QueryDefinition': ['Name'],
}
/** Without a name here CloudFormation makes a unique one. */
const OWN = ['TableName', 'BucketName', 'FunctionName', 'RoleName', 'TopicName', 'LogGroupName']

const names: Check = (templates) =>
  Object.values<Resources>({ ...templates }).flatMap((resources) =>
    Object.entries(resources).flatMap(([id, { Type, Properties = {} }]) => [
      ...(UNIQUE[Type] ?? [])
        .filter((field) => Properties[field] !== undefined)
        .filter((field) => !readable(Properties[field]).startsWith('TaskRunner-prod'))
        .map((field) => `${id}: ${field} does not contain the stage’s name`),
      ...OWN.filter((field) => typeof Properties[field] === 'string').map(
        (field) => `${id}: ${field} is a fixed name`,
      ),
    ]),
  )

/** CloudFormation refuses to remove an export in use, so resources of a single lane or function must not be exports. */
const exports: Check = (templates) =>
  Object.entries(templates).flatMap(([name, resources]) => {
    const imported = JSON.stringify(resources).matchAll(/\{"Fn::ImportValue":"[^"]+"\}/g)
    const held = new Set([...imported].map(([text]) => readable(JSON.parse(text))))
    return [...held]
      .filter((id) => id !== 'TasksTable' && id !== 'PayloadsBucket')
      .map((id) => `${name} imports ${id}, which could not be removed in one deployment`)
  })

const CHECKS: Readonly<Record<string, Check>> = {
  table,
  bucket,
  queues,
  eventSources,
  functions,
  api,
  rights,
  timers,
  protection,
  alarms,
  topics,
  patience,
  levels,
  files,
  loops,
  names,
  exports,
  background,
  parts,
  answers,
  trail,
}

/**
 * Everything that is wrong with the templates of production.
 *
 * @param expectedRights the reviewed lines of `rightsOf`.
 */
export function problemsOf(templates: Templates, expectedRights: string): string[] {
  const found = Object.entries(CHECKS).flatMap(([name, check]) =>
    check(templates).map((problem) => `${name}: ${problem}`),
  )
  const rightsNow = `${rightsOf(templates).join('\n')}\n`
  return rightsNow === expectedRights
    ? found
    : [
        ...found,
        'rights: not those of test/infra/snapshots/rights.txt (its difference after `npx vitest run --project infra -u` is to be reviewed)',
      ]
}

/** The first resource of a type that a value refers to, at any depth. */
function find(resources: Resources, reference: unknown, type: string): Resource | undefined {
  const named = JSON.stringify(reference ?? '').matchAll(/"(?:Ref|Fn::GetAtt)":\[?"(\w+)"/g)
  for (const [, id = ''] of named) if (resources[id]?.Type === type) return resources[id]
  return undefined
}

/** The number of a stack's resources, one line per type. */
export const contentsOf = (resources: Resources): string[] => {
  const counts = new Map<string, number>()
  for (const { Type } of Object.values(resources)) counts.set(Type, (counts.get(Type) ?? 0) + 1)
  return [...counts].map(([type, count]) => `${type} × ${count}`).toSorted()
}
