import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { GetAccountCommand, GetEmailIdentityCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import {
  DescribeParametersCommand,
  GetParameterCommand,
  ParameterNotFound,
  SSMClient,
} from '@aws-sdk/client-ssm'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, it } from 'vitest'
import { KEYED_PROVIDERS, keyParameterOf } from '../../functions/contract/providers.ts'
import { readCommand } from '../../lib/deploy/command.ts'
import { preflight } from '../../lib/deploy/preflight.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'

const lambda = mockClient(LambdaClient)
const ssm = mockClient(SSMClient)
const ses = mockClient(SESv2Client)
const prod = loadStage('prod')
const problemsOf = async (stage = prod) =>
  (await preflight(stage)).filter(({ level }) => level !== 'ok').map(({ level, says }) => `${level}: ${says}`)
const named = (name: string) => Object.assign(new Error(`no ${name}`), { name })

beforeEach(() => {
  process.env.AWS_REGION = 'eu-central-1'
  for (const mock of [lambda, ssm, ses]) mock.reset()
  lambda.on(GetAccountSettingsCommand).resolves({
    AccountLimit: { UnreservedConcurrentExecutions: 1_000, TotalCodeSize: 100 },
    AccountUsage: { TotalCodeSize: 1 },
  })
  ssm.on(GetParameterCommand).resolves({ Parameter: { Value: '28' } })
  ssm.on(DescribeParametersCommand).callsFake((input: DescribeParametersCommand['input']) => ({
    Parameters: input.ParameterFilters?.[0]?.Values?.map((Name) => ({ Name })),
  }))
})

describe('npm run preflight', () => {
  it('finds nothing in an account that is ready', async () => {
    expect(await problemsOf()).toEqual([])
  })

  it('finds the quota of 10 that new accounts have, and says how to ask for more', async () => {
    lambda.on(GetAccountSettingsCommand).resolves({ AccountLimit: { UnreservedConcurrentExecutions: 10 } })
    expect(await problemsOf()).toEqual([
      expect.stringMatching(
        /^fail: 10 invocations at once are free in this account and Region, the stage wants up to \d{3}/,
      ),
    ])
    const [finding] = await preflight(prod)
    expect(finding?.todo).toContain('L-B99A9384')
  })

  it('subtracts the concurrency that other functions have reserved', async () => {
    lambda
      .on(GetAccountSettingsCommand)
      .resolves({ AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 50 } })
    expect(await problemsOf()).toHaveLength(1)
  })

  it('finds an account that was never bootstrapped, or with another qualifier', async () => {
    const missing = new ParameterNotFound({ message: 'x', $metadata: {} })
    ssm.on(GetParameterCommand, { Name: '/cdk-bootstrap/hnb659fds/version' }).rejects(missing)
    expect(await problemsOf()).toEqual(['fail: The CDK is not bootstrapped in this account and Region.'])
    expect(await problemsOf({ ...prod, bootstrapQualifier: 'platform' })).toEqual([])
    ssm
      .on(GetParameterCommand, { Name: '/cdk-bootstrap/hnb659fds/version' })
      .resolves({ Parameter: { Value: '5' } })
    expect(await problemsOf()).toEqual([expect.stringContaining('version 5, and 6 is wanted')])
  })

  it('warns of missing model keys and mail identities', async () => {
    const others = KEYED_PROVIDERS.filter((name) => name !== 'anthropic')
    ssm.on(DescribeParametersCommand).resolves({
      Parameters: others.map((name) => ({ Name: `/taskrunner/prod/${keyParameterOf(name)}` })),
    })
    ses.on(GetAccountCommand).resolves({ ProductionAccessEnabled: false })
    ses.on(GetEmailIdentityCommand).rejects(named('NotFoundException'))
    expect(await problemsOf({ ...prod, mail: { from: 'tasks@example.com' } })).toEqual([
      expect.stringContaining('warn: There is no model key /taskrunner/prod/anthropic-api-key'),
      expect.stringContaining('warn: SES does not know that tasks@example.com is yours'),
      expect.stringContaining('warn: SES is in its sandbox'),
    ])
  })

  it('continues where a right to read is missing, and stops without credentials', async () => {
    lambda.on(GetAccountSettingsCommand).rejects(named('AccessDeniedException'))
    expect(await problemsOf()).toEqual([
      'warn: Could not look at the quota of Lambda: AccessDeniedException, no AccessDeniedException',
    ])
    lambda.on(GetAccountSettingsCommand).rejects(named('CredentialsProviderError'))
    await expect(preflight(prod)).rejects.toThrow('nothing to deploy with')
  })

  it('runs before each deployment that changes something', () => {
    const looks = (...words: string[]) => readCommand(words).hasPreflight
    expect([looks('deploy', 'prod'), looks('preflight', 'dev')]).toEqual([true, true])
    expect(
      [
        ['deploy', 'prod', '--skip-preflight'],
        ['deploy', 'prod', '--no-execute'],
        ['deploy', 'emulated'],
        ['diff', 'prod'],
      ].map((words) => looks(...words)),
    ).toEqual([false, false, false, false])
    expect(readCommand(['deploy', 'prod', '--skip-preflight']).runs.flat()).not.toContain('--skip-preflight')
  })
})
