/**
 * Limits of AWS, as checks over templates. Without these checks each shows only in the middle of a deployment, or on the day
 * that the limit is reached. Numbers are those of the services' "Quotas" pages, 2026-11.
 */
import { bytesOf } from '../../lib/constructs/environment-size.ts'
import type { Resource, Resources } from '../fixtures/templates.ts'

export interface Template {
  readonly Description?: string
  readonly Resources: Resources
  readonly Outputs?: Readonly<Record<string, { readonly Description?: string }>>
}
export type TemplatesOfStage = Readonly<Record<string, Template>>

type Check = (template: Template) => readonly string[]

const ofType = (resources: Resources, type: string): readonly (readonly [string, Resource])[] =>
  Object.entries(resources).filter(([, { Type }]) => Type === type)
const below = (id: string, what: string, value: number, most: number): readonly string[] =>
  value <= most ? [] : [`${id}: ${what} is ${value}, at most ${most}`]
const number = (value: unknown, otherwise = 0): number => Number(value ?? otherwise)

/** CloudFormation accepts 500 resources, 200 outputs and a megabyte; the checks leave room for another route. */
const stack: Check = (template) => [
  ...below('template', 'its number of resources', Object.keys(template.Resources).length, 480),
  ...below('template', 'its number of outputs', Object.keys(template.Outputs ?? {}).length, 180),
  ...below('template', 'its size', Buffer.byteLength(JSON.stringify(template)), 900_000),
]

/** CloudFormation shows question marks for characters that are not ASCII; IAM accepts Latin-1 and refuses the rest. */
const descriptions: Check = ({ Description = '', Resources, Outputs = {} }) => [
  ...[
    ['template', Description],
    ...Object.entries(Outputs).map(([id, output]) => [id, output.Description ?? '']),
  ]
    .filter(([, text]) => /[^ -~]/.test(String(text)))
    .map(([id]) => `${id}: its description is not ASCII`),
  ...ofType(Resources, 'AWS::IAM::Role')
    .filter(([, { Properties }]) => /[^\t\n\r -~¡-ÿ]/.test(String(Properties.Description ?? '')))
    .map(([id]) => `${id}: IAM refuses its description`),
  ...ofType(Resources, 'AWS::Lambda::Function').flatMap(([id, { Properties }]) =>
    below(id, 'its description', String(Properties.Description ?? '').length, 256),
  ),
  ...ofType(Resources, 'AWS::SNS::Topic').flatMap(([id, { Properties }]) =>
    below(id, 'its display name', String(Properties.DisplayName ?? '').length, 100),
  ),
]

const environments: Check = ({ Resources }) =>
  ofType(Resources, 'AWS::Lambda::Function').flatMap(([id, { Properties }]) => {
    const { Variables = {} } = (Properties.Environment ?? {}) as { Variables?: Record<string, unknown> }
    const bytes = Object.entries(Variables).reduce(
      (sum, [name, value]) => sum + name.length + bytesOf(value),
      0,
    )
    return below(id, 'its environment', bytes, 4_096)
  })

/** IAM counts the characters of all inline policies of a role, without white space. */
const policies: Check = ({ Resources }) => {
  const sizes = new Map<string, number>()
  for (const [, { Properties }] of ofType(Resources, 'AWS::IAM::Policy'))
    for (const { Ref } of Properties.Roles as readonly { Ref: string }[])
      sizes.set(Ref, (sizes.get(Ref) ?? 0) + bytesOfPolicy(Properties.PolicyDocument))
  return [...sizes].flatMap(([id, bytes]) => below(id, 'its inline policies', bytes, 10_240))
}

function bytesOfPolicy(value: unknown): number {
  if (typeof value !== 'object' || value === null) return String(value).length + 3
  if ('Fn::Join' in value || 'Fn::GetAtt' in value || 'Ref' in value || 'Fn::ImportValue' in value)
    return bytesOf(value)
  return Object.entries(value).reduce((sum, [name, item]) => sum + name.length + 4 + bytesOfPolicy(item), 2)
}

const alarms: Check = ({ Resources }) => [
  ...ofType(Resources, 'AWS::CloudWatch::Alarm').flatMap(([id, { Properties: p }]) => {
    const metrics = (p.Metrics ?? []) as readonly { MetricStat?: { Period: number } }[]
    const periods = [number(p.Period)].concat(metrics.map(({ MetricStat }) => number(MetricStat?.Period)))
    const period = Math.max(...periods)
    return [
      ...below(id, 'its number of metrics', metrics.filter(({ MetricStat }) => MetricStat).length, 10),
      ...below(id, 'its window', period * number(p.EvaluationPeriods), period < 3_600 ? 86_400 : 604_800),
      ...below(id, 'datapoints', number(p.DatapointsToAlarm, 1), number(p.EvaluationPeriods)),
      ...below(id, 'its description', String(p.AlarmDescription ?? '').length, 1_024),
      ...(periods.every((one) => one % 60 === 0) ? [] : [`${id}: a period is not a whole number of minutes`]),
    ]
  }),
  ...ofType(Resources, 'AWS::CloudWatch::CompositeAlarm').flatMap(([id, { Properties: p }]) => {
    const rule = JSON.stringify(p.AlarmRule)
    return [
      ...below(id, 'its rule', bytesOf(p.AlarmRule), 10_240),
      ...below(id, 'its number of alarms', rule.split('ALARM(').length - 1, 100),
    ]
  }),
]

const queries: Check = ({ Resources }) =>
  ofType(Resources, 'AWS::Logs::QueryDefinition').flatMap(([id, { Properties: p }]) => [
    ...below(id, 'its number of log groups', ((p.LogGroupNames ?? []) as unknown[]).length, 50),
    ...below(id, 'its name', bytesOf(p.Name), 255),
    ...below(id, 'its text', bytesOf(p.QueryString), 10_000),
  ])

/**
 * A function that reads a queue must end before its message becomes visible again; dead letters must be kept longer than the
 * messages of the source queue.
 */
const queues: Check = ({ Resources }) =>
  ofType(Resources, 'AWS::SQS::Queue').flatMap(([id, { Properties: p }]) => {
    const dead = (p.RedrivePolicy as { deadLetterTargetArn?: unknown } | undefined)?.deadLetterTargetArn
    const name = /"Fn::GetAtt":\["(\w+)"/.exec(JSON.stringify(dead ?? ''))?.[1]
    const letters = name === undefined ? undefined : Resources[name]
    const kept = number(p.MessageRetentionPeriod, 345_600)
    return [
      ...below(id, 'its visibility', number(p.VisibilityTimeout, 30), 43_200),
      // A message keeps its age when SQS moves it.
      ...(letters && number(letters.Properties.MessageRetentionPeriod, 345_600) <= kept
        ? [`${id}: its dead letters are kept no longer than its messages`]
        : []),
    ]
  })

const gateway: Check = ({ Resources }) => {
  const methods = ofType(Resources, 'AWS::ApiGateway::Method')
  return [
    ...below(
      'the API',
      'its number of resources',
      ofType(Resources, 'AWS::ApiGateway::Resource').length,
      270,
    ),
    ...methods.flatMap(([id, { Properties }]) => {
      const { TimeoutInMillis, ResponseTransferMode } = (Properties.Integration ?? {}) as Record<
        string,
        unknown
      >
      return below(
        id,
        'its time-out',
        number(TimeoutInMillis),
        ResponseTransferMode === 'STREAM' ? 900_000 : 29_000,
      )
    }),
    ...ofType(Resources, 'AWS::ApiGateway::Stage').flatMap(([id, { Properties }]) => {
      const { Format = '' } = (Properties.AccessLogSetting ?? {}) as { Format?: string }
      return Format.includes('$context.requestId') && !Format.includes('\n')
        ? []
        : [`${id}: the access log is not one line with the request's id`]
    }),
  ]
}

/** An empty property is refused by one service and taken literally by another. */
const blanks: Check = ({ Resources }) =>
  Object.entries(Resources)
    .filter(([, { Properties }]) => /":""[,}]/.test(JSON.stringify(Properties ?? {})))
    .map(([id]) => `${id}: a property is empty`)

const CHECKS: Readonly<Record<string, Check>> = {
  stack,
  blanks,
  descriptions,
  environments,
  policies,
  alarms,
  queries,
  queues,
  gateway,
}

export const quotaProblems = (templates: TemplatesOfStage): readonly string[] =>
  Object.entries(templates).flatMap(([name, template]) =>
    Object.entries(CHECKS).flatMap(([check, of]) => of(template).map((text) => `${name}: ${check}: ${text}`)),
  )
