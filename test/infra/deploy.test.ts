import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation'
import { DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCommand } from '../../lib/deploy/command.ts'
import { emptyBuckets } from '../../lib/deploy/empty-bucket.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import { templatesOf } from '../fixtures/templates.ts'

const root = resolve(import.meta.dirname, '../..')
const type = (...args: string[]) => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin/deploy.ts'), ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, stderr: stderr.trim() }
}

describe('npm run deploy, diff, destroy', () => {
  it('deploys all stacks of one stage and passes further arguments to the CDK', () => {
    expect(readCommand(['deploy', 'staging', '--app', 'cdk.out']).runs).toEqual([
      ['deploy', 'TaskRunner-staging/*', '--no-notices', '--app', 'cdk.out'],
    ])
    expect(readCommand(['diff', 'prod']).runs).toEqual([['diff', 'TaskRunner-prod/*', '--no-notices']])
  })

  it('names a preview stage after its branch', () => {
    expect(readCommand(['deploy', 'preview', 'pr-123']).runs).toEqual([
      ['deploy', 'TaskRunner-preview-pr-123/*', '--no-notices', '--context', 'preview=pr-123'],
    ])
  })

  it('destroys stacks that write before stacks that contain data', () => {
    expect(readCommand(['destroy', 'dev']).runs).toEqual([
      ['destroy', 'TaskRunner-dev/stateless', '--no-notices', '--force'],
      ['destroy', 'TaskRunner-dev/stateful', '--no-notices', '--force'],
    ])
  })

  it.each([
    [['deploy'], 'Which stage? npm run deploy -- dev'],
    [['diff', '--verbose'], 'Which stage? npm run diff -- dev'],
    [['deploy', 'preview'], 'Which preview stage?'],
    [['deploy', 'preview', 'PR_1'], '"PR_1" cannot name a preview stage. It takes lower-case letters'],
    [['deploy', 'stagin'], 'There is no stage "stagin". Nearest: "staging"'],
    [['deploy', 'local'], 'runs on this machine: npm start'],
    [['destoy', 'dev'], 'There is no "destoy". Nearest: "destroy".'],
    [['destroy', 'staging'], '"staging" is not destroyed: its stateful stack has termination protection.'],
  ])('%j is refused', (args, message) => {
    expect(() => readCommand(args)).toThrow(message)
  })

  it('does not destroy prod, and says why', () => {
    expect(type('destroy', 'prod', '--force')).toEqual({
      status: 2,
      stderr:
        'Stage "prod" is not destroyed: its stateful stack has termination protection, its table has deletion protection, its data is to outlive its stacks. If that is really meant, change "protection" in lib/stages/prod.ts, deploy it, and ask again.',
    })
  })

  it('does not destroy when nobody can answer the question', () => {
    expect(type('destroy', 'dev')).toEqual({
      status: 2,
      stderr: 'Nobody is here to ask. Add --force to destroy "dev".',
    })
  })
})

describe('a preview stage', () => {
  const preview = templatesOf('preview-pr-123')

  it('has dev’s settings under its own names and uses dev’s model keys', () => {
    const { lanes } = loadStage('preview-pr-123')
    expect(lanes).toEqual(loadStage('dev').lanes)
    const text = JSON.stringify(preview.stateless.all)
    expect(text).toContain('TaskRunner-preview-pr-123-ai')
    expect(text).toContain('/taskrunner/dev/openai-api-key')
    expect(text).not.toContain('TaskRunner-dev')
  })

  it('leaves nothing: every resource is deleted with it, rows and logs are kept for a day', () => {
    const kept = [preview.stateful, preview.stateless]
      .flatMap(({ all }) => Object.values(all))
      .filter(
        ({ Type, DeletionPolicy }) =>
          DeletionPolicy !== undefined && DeletionPolicy !== 'Delete' && Type !== 'AWS::Lambda::Version',
      )
    expect(kept).toEqual([])
    expect(preview.stage.stateful.terminationProtection).toBe(false)
    expect(loadStage('preview-pr-123')).toMatchObject({ retentionDays: 1, logs: { retentionDays: 1 } })
  })

  it.each([
    'preview-',
    'preview-1',
    'preview-a--b',
    'preview-a-',
    `preview-${'a'.repeat(25)}`,
    'preview-ä',
    'preview',
  ])('cannot have the name %s', (name) => {
    expect(() => loadStage(name)).toThrow('cannot name a preview stage')
  })
})

describe('emptying the payload bucket', () => {
  const cloudFormation = mockClient(CloudFormationClient)
  const s3 = mockClient(S3Client)
  beforeEach(() => {
    process.env.AWS_REGION = 'eu-central-1'
  })
  afterEach(() => {
    cloudFormation.reset()
    s3.reset()
  })
  const bucket = {
    LogicalResourceId: 'Bucket',
    ResourceType: 'AWS::S3::Bucket',
    PhysicalResourceId: 'payloads-1',
    ResourceStatus: 'CREATE_COMPLETE' as const,
    Timestamp: new Date(0),
  }

  it('deletes page by page', async () => {
    cloudFormation.on(DescribeStackResourcesCommand).resolves({ StackResources: [bucket] })
    s3.on(ListObjectsV2Command)
      .resolvesOnce({ Contents: [{ Key: 'a' }, { Key: 'b' }], IsTruncated: true, NextContinuationToken: 'x' })
      .resolves({ Contents: [{ Key: 'c' }] })
    s3.on(DeleteObjectsCommand).resolves({})
    expect(await emptyBuckets('TaskRunner-dev-stateful')).toBe(3)
    const deleted = s3.commandCalls(DeleteObjectsCommand).map(({ args }) => args[0].input)
    expect(deleted.map(({ Bucket, Delete }) => [Bucket, Delete?.Objects])).toEqual([
      ['payloads-1', [{ Key: 'a' }, { Key: 'b' }]],
      ['payloads-1', [{ Key: 'c' }]],
    ])
  })

  it('says which object stays', async () => {
    cloudFormation.on(DescribeStackResourcesCommand).resolves({ StackResources: [bucket] })
    s3.on(ListObjectsV2Command).resolves({ Contents: [{ Key: 'a' }] })
    s3.on(DeleteObjectsCommand).resolves({ Errors: [{ Key: 'a', Message: 'Access Denied' }] })
    await expect(emptyBuckets('TaskRunner-dev-stateful')).rejects.toThrow(
      'Object "a" of bucket payloads-1 stays',
    )
  })

  it('does nothing when the stack does not exist', async () => {
    const gone = Object.assign(new Error('Stack with id x does not exist'), { name: 'ValidationError' })
    cloudFormation.on(DescribeStackResourcesCommand).rejects(gone)
    expect(await emptyBuckets('x')).toBe(0)
  })
})

describe('a new version', () => {
  const { stateless } = templatesOf('prod')
  const aliases = Object.entries(stateless.byType('AWS::Lambda::Alias'))

  it('takes over the API functions gradually, with alarms that roll it back, on staging and prod', () => {
    for (const { byType } of [stateless, templatesOf('staging').stateless]) {
      const groups = Object.values(byType('AWS::CodeDeploy::DeploymentGroup'))
      const doors = Object.keys(byType('AWS::Lambda::Alias')).filter((id) =>
        /^(Writes|Reads|Operate|Flows|Mcp|Keys|Data|Events|Public)/.test(id),
      )
      expect(groups).toHaveLength(doors.length)
      for (const { Properties } of groups)
        expect(Properties).toMatchObject({
          DeploymentConfigName: 'CodeDeployDefault.LambdaCanary10Percent5Minutes',
          AlarmConfiguration: { Enabled: true, Alarms: [{ Name: {} }, { Name: {} }] },
          AutoRollbackConfiguration: {
            Enabled: true,
            Events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_REQUEST', 'DEPLOYMENT_STOP_ON_ALARM'],
          },
        })
    }
    for (const [id, { UpdatePolicy }] of aliases)
      expect([id, UpdatePolicy !== undefined]).toEqual([
        id,
        /^(Writes|Reads|Operate|Flows|Mcp|Keys|Data|Events|Public)/.test(id),
      ])
  })

  it('gets all requests at once on dev', () => {
    expect(templatesOf('dev').stateless.byType('AWS::CodeDeploy::DeploymentGroup')).toEqual({})
  })

  it('does not end batches that run on the old one: old versions stay, and event sources call the alias', () => {
    for (const version of Object.values(stateless.byType('AWS::Lambda::Version')))
      expect(version).toMatchObject({
        DeletionPolicy: 'RetainExceptOnCreate',
        UpdateReplacePolicy: 'Retain',
      })
    for (const { Properties } of Object.values(stateless.byType('AWS::Lambda::EventSourceMapping')))
      expect(JSON.stringify(Properties.FunctionName)).toContain(':live')
  })
})

describe('the outputs', () => {
  it('name the address, the dashboard, and the command that makes the first key', () => {
    const { stage, stateless } = templatesOf('dev')
    const names = Object.keys(stateless.template.findOutputs('*'))
    expect(names).toEqual(expect.arrayContaining(['ApiUrl', 'KeysFunction']))
    expect(names).not.toContain('ApiKeyId')
    const { Description } = stateless.template.findOutputs('KeysFunction').KeysFunction ?? {}
    expect(Description).toContain('npm run admin-key -- dev')
    const gateway = templatesOf('emulated').stateless.template.findOutputs('ShowApiKey').ShowApiKey ?? {}
    expect(JSON.stringify(gateway.Value)).toContain('aws apigateway get-api-key --include-value')
    expect(
      stage.node
        .findChild('observability')
        .node.findAll()
        .map(({ node }) => node.id),
    ).toContain('DashboardUrl')
  })
})
