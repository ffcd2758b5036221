import { Match } from 'aws-cdk-lib/assertions'
import { describe, expect, it } from 'vitest'
import { API_BASE, BUNDLES, ENV, FUNCTION_NAMES, LANES, TABLE } from '../../functions/contract.ts'
import { FUNCTION_ACCESS } from '../../lib/constructs/function-access.ts'
import { ROUTES } from '../../lib/constructs/task-api.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import { STAGE_NAMES, type StageSettings } from '../../lib/stages/stage-schema.ts'
import { templatesOf } from '../fixtures/templates.ts'

const stages = new Map(STAGE_NAMES.map((name) => [name, templatesOf(name)]))
const of = (name: (typeof STAGE_NAMES)[number]) => {
  const found = stages.get(name)
  if (!found) throw new Error(name)
  return found
}

describe.each(STAGE_NAMES)('stage %s', (name) => {
  const { stateful, stateless } = of(name)

  it('has one table with both indexes and a time to live', () => {
    const [table, ...more] = Object.values(stateful.byType('AWS::DynamoDB::GlobalTable'))
    expect(more).toEqual([])
    expect(table?.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: TABLE.ttl, Enabled: true },
      GlobalSecondaryIndexes: [TABLE.listIndex, TABLE.stateIndex, TABLE.dueIndex].map(({ name }) => ({
        IndexName: name,
      })),
    })
  })

  it('gives every lane a queue and a dead-letter queue that only it may use, both with TLS only', () => {
    expect(Object.keys(stateful.byType('AWS::SQS::Queue'))).toHaveLength(LANES.length)
    for (const lane of LANES)
      stateless.template.hasResourceProperties('AWS::SQS::Queue', {
        QueueName: `TaskRunner-${name}-${lane}`,
        SqsManagedSseEnabled: true,
        RedrivePolicy: { maxReceiveCount: 100 },
      })
    for (const queue of Object.values(stateful.byType('AWS::SQS::Queue')))
      expect(queue.Properties).toMatchObject({
        SqsManagedSseEnabled: true,
        MessageRetentionPeriod: 1_209_600,
        RedriveAllowPolicy: { redrivePermission: 'byQueue' },
      })
    for (const { byType } of [stateful, stateless]) {
      const policies = Object.values(byType('AWS::SQS::QueuePolicy'))
      expect(policies).toHaveLength(Object.keys(byType('AWS::SQS::Queue')).length)
      for (const policy of policies) {
        const { Statement } = policy.Properties.PolicyDocument as { Statement: object[] }
        expect(Statement).toMatchObject([
          { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        ])
      }
    }
  })

  it('connects each lane’s worker to its own queue, with partial batch failures and the stage’s maximum concurrency', () => {
    const sources = Object.values(stateless.byType('AWS::Lambda::EventSourceMapping'))
    // And the queues of workflows and webhooks.
    expect(sources).toHaveLength(LANES.length + 2)
    for (const source of sources)
      expect(source.Properties).toMatchObject({
        BatchSize: expect.any(Number),
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: expect.any(Number) },
      })
  })

  it('runs every function on the runtime’s Node, arm64, with JSON logs and a retention time', () => {
    const functions = Object.values(stateless.byType('AWS::Lambda::Function'))
    // One worker per lane from one bundle; no authorizer where the stage has no API keys of its own.
    const hasAuthorizer = loadStage(name).api.auth === 'keys'
    expect(functions).toHaveLength(LANES.length + Object.keys(BUNDLES).length - (hasAuthorizer ? 1 : 2))
    for (const item of functions)
      expect(item.Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        LoggingConfig: { LogFormat: 'JSON' },
      })
    for (const group of Object.values(stateless.byType('AWS::Logs::LogGroup')))
      expect(group.Properties.RetentionInDays).toBeGreaterThan(0)
    expect(Object.keys(stateless.byType('AWS::Lambda::Alias'))).toHaveLength(functions.length)
  })

  it('sweeps by a timer', () => {
    stateless.template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
    })
  })

  it('serves every route, and on a deployed stage requires a key on all except the open ones', () => {
    const resources = stateless.byType('AWS::ApiGateway::Resource')
    const pathOf = (reference: unknown): string => {
      const id = (reference as { Ref?: string }).Ref ?? ''
      const resource = resources[id]
      return resource ? `${pathOf(resource.Properties.ParentId)}/${resource.Properties.PathPart}` : ''
    }
    const methods = new Map(
      Object.values(stateless.byType('AWS::ApiGateway::Method')).map(({ Properties }) => [
        `${Properties.HttpMethod} ${pathOf(Properties.ResourceId) || '/'}`,
        Properties.ApiKeyRequired === true || Properties.AuthorizationType === 'CUSTOM',
      ]),
    )
    const { docs } = loadStage(name).api
    const isDocs = ({ path }: { path: string }) => path.startsWith('/docs') || path === '/openapi.json'
    const isOpen = (route: { path: string; scope: string }) =>
      route.scope === 'open' && (docs === 'open' || !isDocs(route))
    for (const route of ROUTES)
      expect([route.path, methods.get(`${route.method} ${API_BASE}${route.path}`)]).toEqual([
        route.path,
        name !== 'local' && !isOpen(route),
      ])
    expect(methods.get('ANY /{proxy+}')).toBe(name !== 'local')
    const open = [...methods].filter(([, isClosed]) => !isClosed).map(([key]) => key.split(' ')[1])
    if (name !== 'local')
      expect([...new Set(open)].sort()).toEqual(
        ROUTES.filter(isOpen)
          .map((route) => `${API_BASE}${route.path}`)
          .sort(),
      )
    // A stage requires API keys of its own by default; one that cannot call an authorizer says so in its file.
    expect([name, loadStage(name).api.auth]).toEqual([
      name,
      ['local', 'emulated'].includes(name) ? 'key' : 'keys',
    ])
    expect(Object.keys(stateless.byType('AWS::ApiGateway::UsagePlan'))).toHaveLength(
      name === 'emulated' ? 1 : 0,
    )
  })

  it('gives every function exactly the actions of the access table, with no wildcard except for payloads', () => {
    const functions = stateless.byType('AWS::Lambda::Function')
    const roles = new Map<string, { actions: Set<string>; resources: string[] }>()
    for (const policy of Object.values(stateless.byType('AWS::IAM::Policy'))) {
      const { Roles, PolicyDocument } = policy.Properties as {
        Roles: { Ref: string }[]
        PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown; Effect: string }[] }
      }
      const role = roles.get(Roles[0]?.Ref ?? '') ?? { actions: new Set<string>(), resources: [] }
      for (const { Action, Resource } of PolicyDocument.Statement) {
        for (const action of [Action].flat()) role.actions.add(action)
        role.resources.push(...[Resource].flat().map((resource) => JSON.stringify(resource)))
      }
      roles.set(Roles[0]?.Ref ?? '', role)
    }
    for (const [id, { Properties }] of Object.entries(functions)) {
      const bundle = BUNDLE_OF.find(([pattern]) => pattern.test(id))?.[1]
      if (!bundle) throw new Error(id)
      const access = FUNCTION_ACCESS[bundle]
      const role = roles.get((Properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0])
      const models = role?.actions.has('ssm:GetParameter') ? MODEL_ACTIONS : []
      // The lanes of a type that needs mail, on a stage that has an address.
      const sendsMail = name === 'local' && /^lane(email|urgent)/.test(id)
      // The lanes of a type that needs upkeep.
      const asksCleaner = /^lane(demo|urgent)/.test(id)
      const expected = [
        'logs:CreateLogStream',
        'logs:PutLogEvents',
        ...(access.table ?? []),
        ...(access.partition?.actions ?? []),
        ...(access.writesAudit ? ['dynamodb:UpdateItem'] : []),
        ...(access.payloadList ? ['s3:ListBucket'] : []),
        ...(access.attribute ? ['dynamodb:UpdateItem'] : []),
        ...(access.indexes?.list ?? []),
        ...(access.indexes?.due ?? []),
        ...(access.payloads ?? []),
        ...(access.queues ?? []),
        ...(access.deadLetters ?? []),
        ...(access.workflows ?? []),
        ...(access.webhooks ?? []),
        ...(access.eventSources ?? []),
        ...models,
        ...(sendsMail ? ['ses:SendEmail'] : []),
        ...(asksCleaner ? ['lambda:InvokeFunction'] : []),
      ]
      const optional = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream']
      expect([id, [...(role?.actions ?? [])].filter((action) => !optional.includes(action)).sort()]).toEqual([
        id,
        [...new Set(expected)].sort(),
      ])
      const wild = role?.resources.filter((resource) => resource.includes('*')) ?? []
      // A Bedrock inference profile may run its model in any of its Regions.
      const isKnown = (resource: string) => /\/payload\/\*|:bedrock:\*::foundation-model\//.test(resource)
      expect(wild.filter((resource) => !isKnown(resource))).toEqual([])
      const { Variables } = Properties.Environment as { Variables: object }
      // A variable of Node itself, the same in all functions.
      const names = Object.keys(Variables).filter((name) => name !== 'NODE_OPTIONS')
      const cors = name === 'local' && access.optionalEnvironment?.includes(ENV.corsOrigins)
      const expectedNames = [
        ...access.environment,
        ...(cors ? [ENV.corsOrigins] : []),
        ...(loadStage(name).api.auth === 'keys' && access.optionalEnvironment?.includes(ENV.auth)
          ? [ENV.auth]
          : []),
        ...(sendsMail ? [ENV.mailFrom] : []),
        ...(asksCleaner ? [ENV.cleanUpFunction] : []),
      ]
      expect([id, names.sort()]).toEqual([id, expectedNames.sort()])
    }
  })
})

const MODEL_ACTIONS = ['ssm:GetParameter']
const BUNDLE_OF = [
  [/^lane/, 'run-task'],
  [/^Writes/, 'api-writes'],
  [/^Reads/, 'api-reads'],
  [/^Operate/, 'api-operate'],
  [/^Flows/, 'api-flows'],
  [/^Mcp/, 'api-mcp'],
  [/^Events/, 'api-events'],
  [/^Keys/, 'api-keys'],
  [/^Data/, 'api-data'],
  [/^Authorizer/, 'authorizer'],
  [/^Advancer/, 'advance-workflow'],
  [/^WebhookSend/, 'send-webhooks'],
  [/^Public/, 'api-public'],
  [/^Sweeper/, 'sweep'],
  [/^Cleaner/, 'clean-up'],
  [/^OpsView/, 'ops-view'],
  [/^OpsAction/, 'ops-action'],
] as const

it('gives the tenants’ limits to every function that applies them, workers and sweeper included', () => {
  const { stateless } = templatesOf('dev', (stage) => ({ ...stage, tenantLimits: { runningTasks: 2 } }))
  const told = Object.entries(stateless.byType('AWS::Lambda::Function')).map(([id, { Properties }]) => {
    const bundle = BUNDLE_OF.find(([pattern]) => pattern.test(id))?.[1] ?? 'authorizer'
    const { Variables } = Properties.Environment as { Variables: Record<string, string> }
    return [id, Variables[ENV.tenantLimits], FUNCTION_ACCESS[bundle].optionalEnvironment ?? []] as const
  })
  for (const [id, limits, asked] of told)
    expect([id, limits]).toEqual([id, asked.includes(ENV.tenantLimits) ? '{"runningTasks":2}' : undefined])
  expect(told.filter(([, limits]) => limits).map(([id]) => id.replace(/[0-9A-F]{8}$/, ''))).toEqual(
    expect.arrayContaining(['laneaiWorkerFunction', 'SweeperSweepFunction', 'AdvancerAdvanceFunction']),
  )
})

it('lets the functions that read or write payloads use tenants’ keys, through S3 only, and names the keys to those that write', () => {
  const own = 'arn:aws:kms:eu-central-1:444455556666:key/2'
  const { stateless } = templatesOf('dev', (stage) => ({ ...stage, tenantKmsArns: { acme: own } }))
  const policies = Object.entries(stateless.byType('AWS::IAM::Policy'))
  const users = policies.filter(([, policy]) => JSON.stringify(policy).includes(own))
  expect(users.length).toBeGreaterThan(10)
  for (const [id, { Properties }] of users) {
    const { Statement } = Properties.PolicyDocument as { Statement: Record<string, unknown>[] }
    const statement = Statement.find(({ Resource }) => Resource === own)
    expect([id, statement?.Action]).toEqual([id, ['kms:Decrypt', 'kms:GenerateDataKey']])
    const service = JSON.stringify(statement?.Condition)
    expect([id, service.includes('s3.'), service.includes('dynamodb.')]).toEqual([id, true, false])
  }
  const nobody = /^(Keys|Authorizer|Public|OpsView|OpsAction|Data|Cleaner)/
  expect(users.filter(([id]) => nobody.test(id))).toEqual([])
  const told = Object.entries(stateless.byType('AWS::Lambda::Function')).filter(([, { Properties }]) =>
    JSON.stringify(Properties.Environment).includes(own),
  )
  expect(
    told.map(([id]) => id).filter((id) => /^(Writes|Flows|laneai|Advancer|Sweeper)/.test(id)),
  ).toHaveLength(5)
})

describe('what a task type needs', () => {
  it('is checked at synth: a task type with a model in a lane without one fails, with both names', () => {
    const without = (stage: StageSettings) => ({
      ...stage,
      lanes: { ...stage.lanes, documents: { ...stage.lanes.documents, hasModels: false } },
    })
    expect(() => templatesOf('dev', without)).toThrow(
      /"data\.analyze" needs the model, and lane "documents" of stage "dev" has none/,
    )
  })

  it('gives the right and the address for mail to the lanes of mail only', () => {
    const senders = (mail: StageSettings['mail']) => {
      const { stateless } = templatesOf('dev', (stage) => ({ ...stage, mail }))
      const text = Object.entries(stateless.byType('AWS::IAM::Policy'))
        .filter(([, { Properties }]) => JSON.stringify(Properties).includes('ses:SendEmail'))
        .map(([id, { Properties }]) => [
          id.replace(/Worker.*/, ''),
          JSON.stringify(Properties).includes('identity/example.com'),
        ])
      const told = Object.entries(stateless.byType('AWS::Lambda::Function'))
        .filter(([, { Properties }]) => JSON.stringify(Properties.Environment).includes('MAIL_FROM'))
        .map(([id]) => id.replace(/Worker.*/, ''))
      return { rights: Object.fromEntries(text), told: told.sort() }
    }
    expect(senders({ from: 'tasks@example.com', identity: 'example.com' })).toEqual({
      rights: { laneemail: true, laneurgent: true },
      told: ['laneemail', 'laneurgent'],
    })
    expect(senders(undefined)).toEqual({ rights: {}, told: [] })
  })
})

describe('a stage with API keys of its own', () => {
  const { stateless } = templatesOf('dev')

  it('calls the authorizer on every route except the open ones, and caches no answer of it', () => {
    const [authorizer] = Object.values(stateless.byType('AWS::ApiGateway::Authorizer'))
    expect(authorizer?.Properties).toMatchObject({ Type: 'REQUEST', AuthorizerResultTtlInSeconds: 0 })
    const methods = Object.values(stateless.byType('AWS::ApiGateway::Method'))
    const open = ROUTES.filter(({ scope }) => scope === 'open')
    const asked = methods.filter(({ Properties }) => Properties.AuthorizationType === 'CUSTOM')
    // Each open route is GET, and its path also has a HEAD and an ANY.
    expect(methods.length - asked.length).toBe(open.length * 3)
    for (const { Properties } of asked) expect(Properties.AuthorizerId).toBeDefined()
    for (const { Properties } of methods) expect(Properties.ApiKeyRequired).toBe(false)
    expect(Object.keys(stateless.byType('AWS::ApiGateway::ApiKey'))).toEqual([])
  })

  it('makes every API function refuse requests without the authorizer, and contains no secret', () => {
    const functions = Object.entries(stateless.byType('AWS::Lambda::Function'))
    for (const [id, { Properties }] of functions) {
      const bundle = BUNDLE_OF.find(([pattern]) => pattern.test(id))?.[1] ?? ''
      const { Variables } = Properties.Environment as { Variables: Record<string, string> }
      if (bundle.startsWith('api-')) expect([id, Variables.AUTH]).toEqual([id, 'keys'])
    }
    const text = JSON.stringify(stateless.all)
    expect(text).not.toMatch(/tk_[0-9a-z]{26}_/)
    expect(text).not.toMatch(/AWS::SecretsManager|AWS::SSM::Parameter"/)
  })

  it('has the functions whose logs the command line shows', () => {
    const ids = Object.keys(stateless.byType('AWS::Lambda::Function'))
    expect(ids.map((id) => id.replace(/Function[0-9A-F]{8}$/, '')).sort()).toEqual([...FUNCTION_NAMES].sort())
  })

  it('lets the authorizer access only rows of keys', () => {
    const policies = Object.entries(stateless.byType('AWS::IAM::Policy'))
    const [, policy] = policies.find(([id]) => id.startsWith('Authorizer')) ?? []
    if (!policy) throw new Error('no policy')
    const { Statement } = policy.Properties.PolicyDocument as {
      Statement: { Action: unknown; Condition?: object }[]
    }
    const onTable = Statement.filter(({ Action }) => JSON.stringify(Action).includes('dynamodb:'))
    expect(onTable).toEqual([
      expect.objectContaining({
        Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['K#*'] } },
      }),
    ])
  })
})

describe('pages of other origins', () => {
  it('send preflight requests without a key, only on a closed stage that names origins', () => {
    const preflights = (origins: string[]) => {
      const { stateless } = templatesOf('dev', (stage) => ({
        ...stage,
        api: { ...stage.api, corsOrigins: origins },
      }))
      return Object.values(stateless.byType('AWS::ApiGateway::Method'))
        .filter(({ Properties }) => Properties.HttpMethod === 'ANY')
        .map(({ Properties }) => Properties.AuthorizationType)
    }
    const open = (origins: string[]) => preflights(origins).filter((type) => type === 'NONE').length
    const paths = new Set(ROUTES.map(({ path }) => path))
    expect(open(['https://app.example.com'])).toBe(paths.size)
    expect(open([])).toBeLessThan(8)
  })
})

describe('the stack with data', () => {
  it('keeps its logical ids: a changed id would replace the table', () => {
    // Later resources may have other ids, because no deployed resource would be replaced.
    expect(Object.keys(of('prod').stateful.all)).toEqual(
      expect.arrayContaining([
        'PayloadsBucket1715615A',
        'TasksTable45D1B62D',
        'deadlettersaiQueue70E3E6FE',
        'deadlettersdemoQueueFD58F042',
        'deadlettersdocumentsQueue491CE598',
        'deadlettersemailQueue3A7BA2AB',
        'deadlettersurgentQueueBB5DE9B1',
      ]),
    )
  })

  it('outlives its stack in prod, is protected and can be restored; dev leaves nothing', () => {
    of('prod').stateful.template.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      Properties: {
        Replicas: [
          Match.objectLike({
            DeletionProtectionEnabled: true,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          }),
        ],
      },
    })
    expect(of('prod').stage.stateful.terminationProtection).toBe(true)
    of('dev').stateful.template.hasResource('AWS::DynamoDB::GlobalTable', { DeletionPolicy: 'Delete' })
  })
})
