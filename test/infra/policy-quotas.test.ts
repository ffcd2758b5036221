import { describe, expect, it } from 'vitest'
import { dev } from '../../lib/stages/dev.ts'
import { parseStage } from '../../lib/stages/load-stage.ts'
import { prod as production } from '../../lib/stages/prod.ts'
import type { StageInput, StageSettings } from '../../lib/stages/stage-schema.ts'
import { type Resource, templatesOf } from '../fixtures/templates.ts'
import { quotaProblems, type Template, type TemplatesOfStage } from './policy-quotas.ts'

const of = ({ stateful, stateless, observability }: ReturnType<typeof templatesOf>): TemplatesOfStage => ({
  stateful: stateful.template.toJSON() as Template,
  stateless: stateless.template.toJSON() as Template,
  observability: observability?.template.toJSON() as Template,
})
const withDoor = (change: Partial<StageInput['api']>) =>
  templatesOf(
    'dev',
    (stage) =>
      ({
        ...parseStage('dev', { ...dev, api: { ...dev.api, ...change } }),
        name: stage.name,
      }) as StageSettings,
  )

const prod = of(templatesOf('prod'))
/** A gradual deployment, preflights, a usage plan, a web ACL, a domain: the most resources that a stage can have. */
const everything: StageInput = {
  ...production,
  region: 'eu-central-1',
  api: {
    ...production.api,
    docs: 'open',
    corsOrigins: ['https://app.example.com'],
    usagePlan: { requestsPerDay: 10_000 },
    managedRules: { requestsPerAddress: 2_000 },
    domain: {
      name: 'api.example.com',
      certificateArn: 'arn:aws:acm:eu-central-1:111122223333:certificate/1',
    },
  },
  observability: {
    ...production.observability,
    alarmSubscriptions: [
      { severity: 'urgent', protocol: 'slack', workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' },
      { severity: 'notice', protocol: 'email', endpoint: 'team@example.com' },
    ],
  },
}
const largest = of(
  templatesOf('prod', (stage) => ({ ...parseStage('prod', everything), name: stage.name }) as StageSettings),
)

it.each([
  ['prod', prod],
  ['a stage with all options', largest],
  ['dev', of(templatesOf('dev'))],
])('%s stays within AWS’s quotas', (_name, templates) => {
  expect(quotaProblems(templates)).toEqual([])
})

it('a stage with too many callers for an environment variable is refused at synth, with the variable’s name', () => {
  const iamCallers = Array.from({ length: 40 }, (_, n) => ({
    arn: `arn:aws:iam::123456789012:role/service/caller-number-${n}-of-the-platform`,
    tenant: `tenant-${n}`,
    scopes: ['tasks:write' as const],
  }))
  expect(() => withDoor({ auth: 'iam', iamCallers })).toThrow(
    /The environment of "api-\w+" has up to \d+ bytes, and Lambda takes 4096\. Most of it: IAM_CALLERS \d+/,
  )
})

type Loose = Record<
  string,
  { Description?: string; Resources: Record<string, Resource>; Outputs: Record<string, object> }
>
const spoil =
  (
    stack: string,
    type: string,
    change: (properties: Record<string, unknown>, resources: Loose[string]['Resources']) => void,
  ) =>
  (templates: Loose) => {
    const { Resources = {} } = templates[stack] ?? {}
    const found = Object.values(Resources).find(({ Type }) => Type === type)
    if (!found) throw new Error(`the template has no ${type} to change`)
    change(found.Properties as Record<string, unknown>, Resources)
  }

const MUTANTS: readonly [string, (templates: Loose) => void][] = [
  [
    'too many resources',
    ({ stateless }) => {
      for (let n = 0; n < 500 && stateless; n += 1)
        stateless.Resources[`More${n}`] = { Type: 'AWS::SSM::Parameter', Properties: {} }
    },
  ],
  [
    'too many outputs',
    ({ stateless }) => {
      for (let n = 0; n < 200 && stateless; n += 1) stateless.Outputs[`More${n}`] = {}
    },
  ],
  [
    'a template of a megabyte',
    spoil('stateless', 'AWS::SQS::Queue', (p) => Object.assign(p, { Tags: 'x'.repeat(1_000_000) })),
  ],
  [
    'a description that CloudFormation shows as question marks',
    ({ stateful }) => Object.assign(stateful ?? {}, { Description: 'the table’s' }),
  ],
  [
    'an output that is shown as question marks',
    ({ stateless }) => {
      if (stateless) stateless.Outputs.Key = { Description: 'the gateway’s key' }
    },
  ],
  [
    'a role whose description IAM refuses',
    spoil('stateless', 'AWS::IAM::Role', (p) => Object.assign(p, { Description: 'a worker’s' })),
  ],
  [
    'a function’s description is too long',
    spoil('stateless', 'AWS::Lambda::Function', (p) => Object.assign(p, { Description: 'x'.repeat(257) })),
  ],
  [
    'a topic’s name is too long',
    spoil('observability', 'AWS::SNS::Topic', (p) => Object.assign(p, { DisplayName: 'x'.repeat(101) })),
  ],
  [
    'an authorizer with an unnamed identity source',
    spoil('stateless', 'AWS::ApiGateway::Authorizer', (p) => Object.assign(p, { IdentitySource: '' })),
  ],
  [
    'a function’s environment variables are too long',
    spoil('stateless', 'AWS::Lambda::Function', (p) =>
      Object.assign(p, { Environment: { Variables: { MODEL_ROUTES: 'x'.repeat(4_096) } } }),
    ),
  ],
  [
    'the rights of a role are too long',
    spoil('stateless', 'AWS::IAM::Policy', (p) => {
      const document = p.PolicyDocument as { Statement: object[] }
      for (let n = 0; n < 100; n += 1)
        document.Statement.push({ Effect: 'Allow', Action: `sqs:Send${n}`, Resource: 'x'.repeat(100) })
    }),
  ],
  [
    'an alarm evaluates more than a day',
    spoil('observability', 'AWS::CloudWatch::Alarm', (p) => Object.assign(p, { EvaluationPeriods: 2_000 })),
  ],
  [
    'an alarm needs more datapoints than it evaluates',
    spoil('observability', 'AWS::CloudWatch::Alarm', (p) => Object.assign(p, { DatapointsToAlarm: 99 })),
  ],
  [
    'an alarm with a period of half a minute',
    spoil('observability', 'AWS::CloudWatch::Alarm', (p) => Object.assign(p, { Period: 90 })),
  ],
  [
    'a composite alarm whose rule is too long',
    spoil('observability', 'AWS::CloudWatch::CompositeAlarm', (p) =>
      Object.assign(p, { AlarmRule: 'ALARM("x") OR '.repeat(1_000) }),
    ),
  ],
  [
    'a query over too many logs',
    spoil('observability', 'AWS::Logs::QueryDefinition', (p) =>
      Object.assign(p, { LogGroupNames: Array.from({ length: 51 }, (_, n) => `group-${n}`) }),
    ),
  ],
  [
    'a queue with a visibility time-out of a day',
    spoil('stateless', 'AWS::SQS::Queue', (p) => Object.assign(p, { VisibilityTimeout: 86_400 })),
  ],
  [
    'dead letters of workflows are kept no longer than their queue’s messages',
    ({ stateless }) => {
      for (const [id, { Properties }] of Object.entries(stateless?.Resources ?? {}))
        if (/deadletters/.test(id) && 'MessageRetentionPeriod' in Properties)
          Object.assign(Properties, { MessageRetentionPeriod: 345_600 })
    },
  ],
  [
    'a method’s time-out is longer than the gateway allows',
    spoil('stateless', 'AWS::ApiGateway::Method', (p) =>
      Object.assign(p.Integration as object, { TimeoutInMillis: 60_000, ResponseTransferMode: 'BUFFERED' }),
    ),
  ],
  [
    'too many paths',
    ({ stateless }) => {
      for (let n = 0; n < 300 && stateless; n += 1)
        stateless.Resources[`Path${n}`] = { Type: 'AWS::ApiGateway::Resource', Properties: {} }
    },
  ],
  [
    'an access log without the request’s id',
    spoil('stateless', 'AWS::ApiGateway::Stage', (p) =>
      Object.assign(p.AccessLogSetting as object, { Format: '{"status":"$context.status"}' }),
    ),
  ],
]

describe('templates that exceed a quota', () => {
  it.each(MUTANTS)('%s: some rule is broken', (_name, mutate) => {
    const spoilt = structuredClone(prod) as unknown as Loose
    mutate(spoilt)
    expect(quotaProblems(spoilt as unknown as TemplatesOfStage)).not.toEqual([])
  })
})
