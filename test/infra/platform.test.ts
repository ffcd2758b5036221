import { describe, expect, it } from 'vitest'
import { LANES } from '../../functions/contract.ts'
import { dev } from '../../lib/stages/dev.ts'
import { parseStage } from '../../lib/stages/load-stage.ts'
import type { StageInput, StageSettings } from '../../lib/stages/stage-schema.ts'
import { templatesOf } from '../fixtures/templates.ts'

/** Stage dev with settings that a platform team may choose. */
const withSettings = (change: Partial<StageInput>) =>
  templatesOf(
    'dev',
    (stage) => ({ ...parseStage('dev', { ...dev, ...change }), name: stage.name }) as StageSettings,
  )
const withDoor = (change: Partial<StageInput['api']>) => withSettings({ api: { ...dev.api, ...change } })
const text = (value: unknown) => JSON.stringify(value)

describe('requirements of a platform team are settings', () => {
  it('tags, a permissions boundary, the qualifier of the CDK bootstrap', () => {
    const { stage, stateful, stateless } = withSettings({
      tags: { 'cost-center': '4711' },
      permissionsBoundary: 'platform-boundary',
      bootstrapQualifier: 'platform1',
    })
    for (const queue of Object.values(stateful.byType('AWS::SQS::Queue')))
      expect(queue.Properties.Tags).toContainEqual({ Key: 'cost-center', Value: '4711' })
    const roles = Object.values(stateless.byType('AWS::IAM::Role'))
    expect(roles.length).toBeGreaterThan(10)
    for (const role of roles)
      expect(text(role.Properties.PermissionsBoundary)).toContain('policy/platform-boundary')
    expect(text(stage.stateless.templateOptions) + text(stateless.template.toJSON())).toContain(
      '/cdk-bootstrap/platform1/version',
    )
  })

  it('a maximum throughput of the table, and a budget', () => {
    const { stateful, observability } = withSettings({
      table: { maxWriteUnits: 2_000, maxReadUnits: 1_000 },
      budget: { usdPerMonth: 200, tell: ['finance@example.com'] },
    })
    const [table] = Object.values(stateful.byType('AWS::DynamoDB::GlobalTable'))
    expect(text(table?.Properties)).toContain('"MaxWriteRequestUnits":2000')
    expect(text(table?.Properties)).toContain('"MaxReadRequestUnits":1000')
    const [budget] = Object.values(observability?.byType('AWS::Budgets::Budget') ?? {})
    expect(budget?.Properties).toMatchObject({
      Budget: { BudgetLimit: { Amount: 200, Unit: 'USD' }, CostFilters: { TagKeyValue: ['user:stage$dev'] } },
    })
  })

  it('a table and indexes with warm throughput for a burst in the first second', () => {
    const { stateful } = withSettings({ table: { warmWriteUnits: 20_000 } })
    const [table] = Object.values(stateful.byType('AWS::DynamoDB::GlobalTable'))
    const warm = { WriteUnitsPerSecond: 20_000 }
    expect(table?.Properties.WarmThroughput).toEqual(warm)
    const indexes = table?.Properties.GlobalSecondaryIndexes as readonly { readonly WarmThroughput: object }[]
    expect(indexes.map(({ WarmThroughput }) => WarmThroughput)).toEqual([warm, warm, warm])
  })

  it('a domain with a base path of any depth, and no other address', () => {
    const { stateless } = withDoor({
      domain: {
        name: 'api.example.com',
        certificateArn: 'arn:aws:acm:eu-central-1:111122223333:certificate/1',
        basePath: 'ai/runner',
        isOnly: true,
      },
    })
    const [mapping] = Object.values(stateless.byType('AWS::ApiGatewayV2::ApiMapping'))
    expect(mapping?.Properties).toMatchObject({ ApiMappingKey: 'ai/runner' })
    const [api] = Object.values(stateless.byType('AWS::ApiGateway::RestApi'))
    expect(api?.Properties).toMatchObject({ DisableExecuteApiEndpoint: true })
    const outputs = stateless.template.findOutputs('*')
    expect(outputs.ApiUrl?.Value).toBe('https://api.example.com/ai/runner/api/v1')
    expect(Object.keys(outputs)).toEqual(expect.arrayContaining(['DomainTarget', 'DomainTargetZone']))
  })

  it('a web ACL in front', () => {
    const webAclArn = 'arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/ours/1'
    const [found] = Object.values(withDoor({ webAclArn }).stateless.byType('AWS::WAFv2::WebACLAssociation'))
    expect(found?.Properties.WebACLArn).toBe(webAclArn)
    expect(text(found?.Properties.ResourceArn)).toContain('/restapis/')
  })

  it('a private API: only through its VPC endpoints', () => {
    const { stateless } = withDoor({ vpcEndpointIds: ['vpce-0123456789abcdef0'] })
    const [api] = Object.values(stateless.byType('AWS::ApiGateway::RestApi'))
    expect(api?.Properties.EndpointConfiguration).toEqual({
      Types: ['PRIVATE'],
      VpcEndpointIds: ['vpce-0123456789abcdef0'],
    })
    expect(text(api?.Properties.Policy)).toContain('"aws:SourceVpce":["vpce-0123456789abcdef0"]')
  })

  it('calls signed with AWS credentials: no authorizer in addition, because a method has one type of authorization', () => {
    const iamCallers = [
      { arn: 'arn:aws:iam::123456789012:role/batch', tenant: 'batch', scopes: ['tasks:write' as const] },
    ]
    const { stateless } = withDoor({ auth: 'iam', iamCallers })
    const methods = Object.values(stateless.byType('AWS::ApiGateway::Method'))
    const closed = methods.filter(({ Properties }) => Properties.AuthorizationType === 'AWS_IAM')
    expect(closed.length).toBeGreaterThan(20)
    for (const { Properties } of methods.filter((method) => !closed.includes(method)))
      expect(Properties.AuthorizationType).toBe('NONE')
    expect(stateless.byType('AWS::ApiGateway::Authorizer')).toEqual({})
    const functions = Object.values(stateless.byType('AWS::Lambda::Function'))
    const told = functions
      .map(({ Properties }) => text(Properties.Environment))
      .filter((own) => own.includes('"iam"'))
    expect(told.length).toBeGreaterThan(8)
    for (const own of told.filter((variables) => !variables.includes('OPS_ACTION_ARN')))
      expect(own).toContain('role/batch')
  })

  it('a caller that does not sign, or signs wrongly, gets an answer that says so', () => {
    const iamCallers = [
      { arn: 'arn:aws:iam::123456789012:role/batch', tenant: 'batch', scopes: ['tasks:write' as const] },
    ]
    const statusOf = (change: Partial<StageInput['api']>, type: string) =>
      Object.values(withDoor(change).stateless.byType('AWS::ApiGateway::GatewayResponse')).find(
        ({ Properties }) => Properties.ResponseType === type,
      )?.Properties.StatusCode
    // Every path and method of the API exists, so only a missing signature leads to this answer.
    expect(statusOf({ auth: 'iam', iamCallers }, 'MISSING_AUTHENTICATION_TOKEN')).toBe('401')
    expect(statusOf({ auth: 'iam', iamCallers }, 'INVALID_SIGNATURE')).toBe('403')
    expect(statusOf({}, 'MISSING_AUTHENTICATION_TOKEN')).toBe('404')
  })

  it.each(['keys', 'iam'] as const)(
    'auth %s with a usage plan: one of the gateway’s keys is also required',
    (auth) => {
      const iamCallers =
        auth === 'iam'
          ? [{ arn: 'arn:aws:iam::123456789012:role/batch', tenant: 'b', scopes: ['tasks:read' as const] }]
          : []
      const { stateless } = withDoor({ auth, iamCallers, usagePlan: { requestsPerDay: 10_000 } })
      const methods = Object.values(stateless.byType('AWS::ApiGateway::Method'))
      const closed = methods.filter(({ Properties }) => Properties.AuthorizationType !== 'NONE')
      expect(closed.length).toBeGreaterThan(20)
      for (const { Properties } of methods)
        expect(Properties.ApiKeyRequired).toBe(Properties.AuthorizationType !== 'NONE')
      const [plan] = Object.values(stateless.byType('AWS::ApiGateway::UsagePlan'))
      expect(plan?.Properties.Quota).toEqual({ Limit: 10_000, Period: 'DAY' })
      const [, authorizer] =
        Object.entries(stateless.byType('AWS::Lambda::Function')).find(([id]) =>
          id.startsWith('Authorizer'),
        ) ?? []
      if (auth === 'keys')
        expect(text(authorizer?.Properties.Environment)).toContain('"HAS_USAGE_PLAN":"true"')
    },
  )

  it('pages of other origins can read why the gateway itself refused them', () => {
    const originOf = (corsOrigins: string[]) =>
      Object.values(withDoor({ corsOrigins }).stateless.byType('AWS::ApiGateway::GatewayResponse')).map(
        ({ Properties }) =>
          (Properties.ResponseParameters as Record<string, string>)[
            'gatewayresponse.header.Access-Control-Allow-Origin'
          ],
      )
    expect([...new Set(originOf(['https://app.example.com']))]).toEqual(["'https://app.example.com'"])
    // The gateway cannot choose between several origins. A caller without access reads only a refusal.
    expect([...new Set(originOf(['https://a.example.com', 'https://b.example.com']))]).toEqual([
      'method.request.header.Origin',
    ])
    expect([...new Set(originOf([]))]).toEqual([undefined])
  })

  it('the model keys’ own KMS key may be used to read them, by workers that have models', () => {
    const keysKmsArn = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
    const { stateless } = withSettings({ models: { ...dev.models, keysKmsArn } })
    const allowed = Object.entries(stateless.byType('AWS::IAM::Policy')).filter(([, policy]) =>
      text(policy).includes(keysKmsArn),
    )
    const withModels = LANES.filter((name) => dev.lanes[name].hasModels)
    expect(allowed.map(([id]) => id.replace(/WorkerRole.*/, '')).toSorted()).toEqual(
      withModels.map((name) => `lane${name}`).toSorted(),
    )
  })

  it('dashboard names contain their Region, because an account has one list of dashboards', () => {
    const { observability } = templatesOf('prod')
    for (const { Properties } of Object.values(observability?.byType('AWS::CloudWatch::Dashboard') ?? {}))
      expect(text(Properties.DashboardName)).toContain('{"Ref":"AWS::Region"}')
  })

  it.each([
    [
      { api: { ...dev.api, vpcEndpointIds: ['endpoint'] } },
      'api.vpcEndpointIds.0: must be a VPC endpoint id',
    ],
    [{ bootstrapQualifier: 'Not-One' }, 'bootstrapQualifier: must be 1 to 10'],
    [{ tags: { 'aws:cost': 'x' } }, 'tags'],
    // Neither the API nor the bucket would accept such an origin.
    [
      { api: { ...dev.api, corsOrigins: ['https://*.example.com'] } },
      'api.corsOrigins.0: is an origin without a path',
    ],
    // AWS refuses these in the middle of a deployment.
    [{ tags: { cost: '50 % of it' } }, 'tags.cost: must be letters, digits'],
    [
      { tags: Object.fromEntries(Array.from({ length: 49 }, (_, n) => [`t${n}`, 'x'])) },
      'tags: are more than 48',
    ],
    [
      { budget: { usdPerMonth: 5, tell: Array.from({ length: 11 }, (_, n) => `a${n}@example.com`) } },
      'budget.tell',
    ],
    [
      {
        api: {
          ...dev.api,
          vpcEndpointIds: ['vpce-0123456789abcdef0'],
          domain: { name: 'api.example.com', certificateArn: 'arn:aws:acm:eu-central-1:1:certificate/1' },
        },
      },
      'api.domain: and vpcEndpointIds exclude each other',
    ],
    [
      { dataKmsArn: 'arn:aws:kms:us-east-1:111122223333:key/1', region: 'eu-central-1' },
      'dataKmsArn: must be a key of the Region that the stage states',
    ],
    [{ dataKmsArn: 'alias/mine' }, 'dataKmsArn: must be the ARN of a KMS key'],
    [
      { tenantKmsArns: { acme: 'arn:aws:kms:us-east-1:111122223333:key/1' }, region: 'eu-central-1' },
      'tenantKmsArns: must be keys of the Region that the stage states',
    ],
    [{ tenantKmsArns: { 'a#b': 'arn:aws:kms:us-east-1:111122223333:key/1' } }, 'tenantKmsArns'],
    [{ tenantKmsArns: { acme: 'alias/mine' } }, 'tenantKmsArns.acme: must be the ARN of a KMS key'],
    [
      { api: { ...dev.api, webAclArn: 'arn:x', managedRules: { requestsPerAddress: 100 } } },
      'api.managedRules: and webAclArn exclude each other',
    ],
    [
      {
        observability: {
          ...dev.observability,
          alarmSubscriptions: [{ severity: 'urgent', protocol: 'slack', workspaceId: 'x', channelId: 'C1' }],
        },
      },
      'observability.alarmSubscriptions.0.workspaceId: must be a workspace id',
    ],
    [{ budget: { usdPerMonth: 0, tell: [] } }, 'budget.usdPerMonth'],
  ])('a wrong one is refused by its name (%#)', (change, message) => {
    expect(() => parseStage('dev', { ...dev, ...change })).toThrow(message)
  })
})

describe('a stage that states its account and Region', () => {
  it.each(['dev', 'staging', 'prod'] as const)(
    '%s has both in its templates, and keeps every rule',
    (name) => {
      const { stage, stateless } = templatesOf(name, (settings) => ({
        ...settings,
        account: '111122223333',
        region: 'eu-central-1',
      }))
      expect(stage.stateless).toMatchObject({ account: '111122223333', region: 'eu-central-1' })
      expect(text(stateless.all)).toContain('inference-profile/eu.amazon.nova-micro-v1:0')
    },
  )
})

describe('one deployment', () => {
  it('has no resource that depends on a role explicitly, because references to roles already set the order', () => {
    const { stateless } = templatesOf('prod')
    for (const [id, resource] of Object.entries(stateless.all)) {
      const { DependsOn = [] } = resource as { DependsOn?: string[] }
      const named = [DependsOn].flat().filter((other) => stateless.all[other]?.Type === 'AWS::IAM::Role')
      expect([id, named]).toEqual([id, []])
    }
  })
})
