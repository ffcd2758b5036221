import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { templatesOf } from '../fixtures/templates.ts'
import { contentsOf, problemsOf, rightsOf, type Templates } from './policy.ts'

const { stateful, stateless, observability } = templatesOf('prod')
const prod: Templates = {
  stateful: stateful.all,
  stateless: stateless.all,
  observability: observability?.all ?? {},
}
const snapshot = (name: string) => join(import.meta.dirname, 'snapshots', name)

describe('the templates of production', () => {
  it('give every function exactly the reviewed rights and environment variables', async () => {
    await expect(`${rightsOf(prod).join('\n')}\n`).toMatchFileSnapshot(snapshot('rights.txt'))
  })

  it('contain exactly the reviewed resources', async () => {
    const text = ['stateful', ...contentsOf(prod.stateful), '', 'stateless', ...contentsOf(prod.stateless)]
    await expect(`${text.join('\n')}\n`).toMatchFileSnapshot(snapshot('contents.txt'))
  })

  it('meet every rule', () => {
    // The rights are compared above, where `-u` accepts new ones.
    expect(problemsOf(prod, `${rightsOf(prod).join('\n')}\n`)).toEqual([])
  })
})

type Loose = Record<string, { Type: string; DeletionPolicy?: string; Properties: Record<string, never> }>
/** Changes properties of the first resource of a type with a matching id. */
const spoil =
  (stack: keyof Templates, type: string, id: RegExp, change: (properties: Record<string, unknown>) => void) =>
  (templates: Record<keyof Templates, Loose>) => {
    const [, resource] =
      Object.entries(templates[stack]).find(([name, { Type }]) => Type === type && id.test(name)) ?? []
    if (!resource) throw new Error(`the template has no ${type} ${id} to change`)
    change(resource.Properties)
  }
const statementsOf = (properties: Record<string, unknown>) =>
  (properties.PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] }).Statement
const replaceText = (properties: Record<string, unknown>, from: string, to: string) => {
  const text = JSON.stringify(properties)
  if (!text.includes(from)) throw new Error(`no ${from} to replace`)
  Object.assign(properties, JSON.parse(text.replaceAll(from, to)))
}

const MUTANTS: readonly [string, (templates: Record<keyof Templates, Loose>) => void][] = [
  [
    'a topic refuses CloudWatch',
    spoil('observability', 'AWS::SNS::TopicPolicy', /./, (p) => {
      const document = p.PolicyDocument as { Statement: { Effect: string }[] }
      document.Statement = document.Statement.filter(({ Effect }) => Effect === 'Deny')
    }),
  ],
  [
    'any account’s CloudWatch may publish',
    spoil('observability', 'AWS::SNS::TopicPolicy', /./, (p) => {
      for (const statement of (p.PolicyDocument as { Statement: { Condition?: unknown; Effect: string }[] })
        .Statement)
        if (statement.Effect === 'Allow') delete statement.Condition
    }),
  ],
  [
    'a lane’s message becomes a dead letter after ten receives',
    spoil('stateless', 'AWS::SQS::Queue', /^laneai/, (p) => {
      Object.assign(p.RedrivePolicy as object, { maxReceiveCount: 10 })
    }),
  ],
  [
    'a worker does not log INFO lines',
    spoil('stateless', 'AWS::Lambda::Function', /^laneai/, (p) =>
      replaceText(p, '"ApplicationLogLevel":"INFO"', '"ApplicationLogLevel":"WARN"'),
    ),
  ],
  [
    'REPORT lines are filtered out',
    spoil('stateless', 'AWS::Lambda::Function', /^laneai/, (p) =>
      replaceText(p, '"SystemLogLevel":"INFO"', '"SystemLogLevel":"WARN"'),
    ),
  ],
  [
    'the docs page is open',
    spoil('stateless', 'AWS::ApiGateway::Method', /docsfileGET/, (p) =>
      Object.assign(p, { AuthorizationType: 'NONE' }),
    ),
  ],
  [
    'the docs files have no throttle',
    spoil('stateless', 'AWS::ApiGateway::Stage', /./, (p) => {
      p.MethodSettings = (p.MethodSettings as { ResourcePath: string }[]).slice(0, 1)
    }),
  ],
  [
    'two stages would have a dashboard with the same name',
    spoil('observability', 'AWS::CloudWatch::Dashboard', /./, (p) =>
      Object.assign(p, { DashboardName: 'TaskRunner' }),
    ),
  ],
  [
    'two stages would have a function with the same name',
    spoil('stateless', 'AWS::Lambda::Function', /^Sweeper/, (p) =>
      Object.assign(p, { FunctionName: 'sweep' }),
    ),
  ],
  [
    'a worker is stopped after sixteen steps of one workflow',
    spoil('stateless', 'AWS::Lambda::Function', /^laneai/, (p) => delete p.RecursiveLoop),
  ],
  [
    'a function that no queue calls may loop',
    spoil('stateless', 'AWS::Lambda::Function', /^Sweeper/, (p) =>
      Object.assign(p, { RecursiveLoop: 'Allow' }),
    ),
  ],
  [
    'no alarm when workflows stop',
    spoil('observability', 'AWS::CloudWatch::Alarm', /BackgroundErrors/, (p) => {
      p.Metrics = (p.Metrics as { Id: string }[]).filter(({ Id }) => Id !== 'm_advance')
    }),
  ],
  [
    'no alarm when one sweeper of four stops',
    spoil('observability', 'AWS::CloudWatch::Alarm', /SweeperSilent/, (p) =>
      Object.assign(p, { Threshold: 1 }),
    ),
  ],
  [
    'one late run of a sweeper raises the alarm',
    spoil('observability', 'AWS::CloudWatch::Alarm', /SweeperSilent/, (p) =>
      Object.assign(p, { EvaluationPeriods: 1 }),
    ),
  ],
  [
    'a fifth sweeper that the alarm does not count',
    ({ stateless: resources }) => {
      const [, timer] =
        Object.entries(resources).find(([, { Type }]) => Type === 'AWS::Scheduler::Schedule') ?? []
      if (timer) resources.SweeperTimerSchedule9 = structuredClone(timer)
    },
  ],
  [
    'a wrong signature is reported as a malformed request',
    ({ stateless: resources }) => {
      for (const [id, { Properties }] of Object.entries(resources))
        if (Properties?.ResponseType === 'INVALID_SIGNATURE') delete resources[id]
    },
  ],
  [
    'a caller without a key gets 400',
    spoil('stateless', 'AWS::ApiGateway::GatewayResponse', /UNAUTHORIZED/, (p) =>
      Object.assign(p, { StatusCode: '400' }),
    ),
  ],
  [
    'the query for a task’s steps leaves out the webhooks',
    spoil('observability', 'AWS::Logs::QueryDefinition', /oneTask/, (p) => {
      p.LogGroupNames = (p.LogGroupNames as unknown[]).filter(
        (name) => !JSON.stringify(name).includes('WebhookSend'),
      )
    }),
  ],
  [
    'a permission is removed',
    spoil('stateless', 'AWS::IAM::Policy', /^Writes/, (p) => {
      for (const statement of statementsOf(p))
        statement.Action = [statement.Action].flat().filter((action) => action !== 'dynamodb:PutItem')
    }),
  ],
  [
    'a permission is added',
    spoil('stateless', 'AWS::IAM::Policy', /^Reads/, (p) => {
      statementsOf(p)[0]?.Action && statementsOf(p).push({ Action: 'sqs:PurgeQueue', Resource: 'arn' })
    }),
  ],
  [
    'a permission on all resources',
    spoil('stateless', 'AWS::IAM::Policy', /^Sweeper/, (p) => {
      Object.assign(statementsOf(p)[0] ?? {}, { Resource: '*' })
    }),
  ],
  [
    'an environment name is changed',
    spoil('stateless', 'AWS::Lambda::Function', /^laneai/, (p) => replaceText(p, 'TABLE_NAME', 'TABLENAME')),
  ],
  [
    'a policy names another index',
    spoil('stateless', 'AWS::IAM::Policy', /^Sweeper/, (p) => replaceText(p, '/index/due', '/index/list')),
  ],
  [
    'an index has another name',
    spoil('stateful', 'AWS::DynamoDB::GlobalTable', /./, (p) =>
      replaceText(p, '"IndexName":"due"', '"IndexName":"dew"'),
    ),
  ],
  [
    'the table has another sort key',
    spoil('stateful', 'AWS::DynamoDB::GlobalTable', /./, (p) => replaceText(p, '"sk"', '"sort"')),
  ],
  [
    'a queue’s messages become visible again before its function ends',
    spoil('stateless', 'AWS::SQS::Queue', /^laneai/, (p) => Object.assign(p, { VisibilityTimeout: 30 })),
  ],
  [
    'an event source fails whole batches',
    spoil('stateless', 'AWS::Lambda::EventSourceMapping', /./, (p) => delete p.FunctionResponseTypes),
  ],
  [
    'an event source calls the function, not its alias',
    spoil('stateless', 'AWS::Lambda::EventSourceMapping', /./, (p) =>
      Object.assign(p, { FunctionName: { Ref: 'laneaiWorkerFunction' } }),
    ),
  ],
  [
    'a queue has no dead letters',
    spoil('stateless', 'AWS::SQS::Queue', /^lane/, (p) => delete p.RedrivePolicy),
  ],
  [
    'a handler is misspelt',
    spoil('stateless', 'AWS::Lambda::Function', /^Sweeper/, (p) =>
      Object.assign(p, { Handler: 'index.handle' }),
    ),
  ],
  [
    'the bucket can be made public',
    spoil('stateful', 'AWS::S3::Bucket', /./, (p) =>
      replaceText(p, '"BlockPublicPolicy":true', '"BlockPublicPolicy":false'),
    ),
  ],
  [
    'a route requires no key',
    spoil('stateless', 'AWS::ApiGateway::Method', /tasks.*POST/, (p) =>
      Object.assign(p, { AuthorizationType: 'NONE' }),
    ),
  ],
  [
    'the gateway caches the authorizer’s answer',
    spoil('stateless', 'AWS::ApiGateway::Authorizer', /./, (p) =>
      Object.assign(p, { AuthorizerResultTtlInSeconds: 300 }),
    ),
  ],
  [
    'the sweeper’s timer is off',
    spoil('stateless', 'AWS::Scheduler::Schedule', /^Sweeper/, (p) =>
      Object.assign(p, { State: 'DISABLED' }),
    ),
  ],
  [
    'the table is deleted with its stack',
    ({ stateful: resources }) => {
      const found = Object.values(resources).find(({ Type }) => Type === 'AWS::DynamoDB::GlobalTable')
      if (found) found.DeletionPolicy = 'Delete'
    },
  ],
  [
    'a dead-letter queue is an export that is in use',
    spoil('stateless', 'AWS::SQS::Queue', /^laneai/, (p) =>
      Object.assign(p.RedrivePolicy as object, {
        deadLetterTargetArn: {
          'Fn::ImportValue':
            'TaskRunner-prod-stateful:ExportsOutputFnGetAttdeadlettersaiQueue12345678Arn12345678',
        },
      }),
    ),
  ],
  [
    'a right on one partition applies to all partitions',
    spoil('stateless', 'AWS::IAM::Policy', /^Reads/, (p) => {
      for (const statement of statementsOf(p) as { Condition?: unknown }[]) delete statement.Condition
    }),
  ],
  [
    'an API function has no canary',
    ({ stateless: resources }) => {
      const [id = ''] =
        Object.entries(resources).find(([, { Type }]) => Type === 'AWS::CodeDeploy::DeploymentGroup') ?? []
      delete resources[id]
    },
  ],
  [
    'an event source has no limit',
    spoil('stateless', 'AWS::Lambda::EventSourceMapping', /./, (p) => delete p.ScalingConfig),
  ],
  [
    'answers are not compressed',
    spoil('stateless', 'AWS::ApiGateway::RestApi', /./, (p) => delete p.MinimumCompressionSize),
  ],
  [
    'detailed metrics of each method are on',
    spoil('stateless', 'AWS::ApiGateway::Stage', /./, (p) => {
      for (const setting of p.MethodSettings as { MetricsEnabled?: boolean }[]) setting.MetricsEnabled = true
    }),
  ],
  [
    'the bucket is not encrypted',
    spoil('stateful', 'AWS::S3::Bucket', /./, (p) => delete p.BucketEncryption),
  ],
  [
    'the table cannot be restored',
    spoil('stateful', 'AWS::DynamoDB::GlobalTable', /./, (p) =>
      replaceText(p, '"PointInTimeRecoveryEnabled":true', '"PointInTimeRecoveryEnabled":false'),
    ),
  ],
  [
    'a service may call a function for any account',
    spoil('stateless', 'AWS::Lambda::Permission', /./, (p) => delete p.SourceArn),
  ],
  [
    'a dead-letter queue accepts messages of any queue',
    spoil('stateful', 'AWS::SQS::Queue', /^deadlettersai/, (p) => delete p.RedriveAllowPolicy),
  ],
  [
    'dead letters are deleted after four days',
    spoil('stateful', 'AWS::SQS::Queue', /^deadlettersai/, (p) => delete p.MessageRetentionPeriod),
  ],
  [
    'a function’s time-out is longer than the gateway’s',
    spoil('stateless', 'AWS::Lambda::Function', /^Writes/, (p) => Object.assign(p, { Timeout: 60 })),
  ],
  [
    'a queue accepts calls without TLS',
    ({ stateless: resources }) => {
      const [id = ''] =
        Object.entries(resources).find(([, { Type }]) => Type === 'AWS::SQS::QueuePolicy') ?? []
      delete resources[id]
    },
  ],
]

describe('templates with a mistake made on purpose', () => {
  const reviewed = readFileSync(snapshot('rights.txt'), 'utf8')

  it.each(MUTANTS)('%s: some rule is broken', (_name, mutate) => {
    const spoilt = structuredClone(prod) as unknown as Record<keyof Templates, Loose>
    mutate(spoilt)
    expect(problemsOf(spoilt as unknown as Templates, reviewed)).not.toEqual([])
  })
})
