import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { GetAccountCommand, GetEmailIdentityCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import {
  DescribeParametersCommand,
  GetParameterCommand,
  ParameterNotFound,
  SSMClient,
} from '@aws-sdk/client-ssm'
import { KEYED_PROVIDERS, keyParameterOf } from '../../functions/contract/providers.ts'
import { parameterPrefix } from '../constructs/grant-access.ts'
import { invocationsAtOnce } from '../costs/capacity.ts'
import type { StageSettings } from '../stages/stage-schema.ts'

export interface PreflightFinding {
  /** `fail`: the deployment, or every task after it, would fail. */
  readonly level: 'ok' | 'warn' | 'fail'
  readonly says: string
  readonly todo?: string
}

/** Bootstrap version that the present `aws-cdk-lib` requires: the rule `CheckBootstrapVersion` in its templates. */
const BOOTSTRAP_VERSION = 6
const DEFAULT_QUALIFIER = 'hnb659fds'
/** Old versions of functions are kept, each a megabyte or more. */
const CODE_SHARE = 0.8

type Check = (stage: StageSettings) => Promise<readonly PreflightFinding[]>

const place = ({ region }: StageSettings) => (region ? { region } : {})

/** With a quota of 10, which new accounts have, the deployment succeeds, but nearly all invocations are throttled. */
const concurrency: Check = async (stage) => {
  const client = new LambdaClient(place(stage))
  const { AccountLimit, AccountUsage } = await client.send(new GetAccountSettingsCommand({}))
  client.destroy()
  const wanted = invocationsAtOnce(stage)
  const free = AccountLimit?.UnreservedConcurrentExecutions ?? AccountLimit?.ConcurrentExecutions ?? 0
  const codeShare =
    (AccountUsage?.TotalCodeSize ?? 0) / (AccountLimit?.TotalCodeSize ?? Number.POSITIVE_INFINITY)
  return [
    free >= wanted
      ? { level: 'ok', says: `${free} invocations at once are free, the stage wants up to ${wanted}.` }
      : {
          level: 'fail',
          says: `${free} invocations at once are free in this account and Region, the stage wants up to ${wanted}: the others would be throttled, and their messages hidden for a quarter of an hour each time.`,
          todo: 'aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000, or lower maxConcurrency of the lanes',
        },
    ...(codeShare < CODE_SHARE
      ? []
      : [
          {
            level: 'warn' as const,
            says: `Code of functions fills ${Math.round(codeShare * 100)} % of what the account may keep.`,
            todo: 'delete versions that no alias names',
          },
        ]),
  ]
}

const bootstrap: Check = async (stage) => {
  const version = await parameter(
    stage,
    `/cdk-bootstrap/${stage.bootstrapQualifier ?? DEFAULT_QUALIFIER}/version`,
  )
  const qualifier = stage.bootstrapQualifier ? ` --qualifier ${stage.bootstrapQualifier}` : ''
  if (Number(version ?? 0) >= BOOTSTRAP_VERSION)
    return [{ level: 'ok', says: `The CDK is bootstrapped, version ${version}.` }]
  return [
    {
      level: 'fail',
      says:
        version === undefined
          ? 'The CDK is not bootstrapped in this account and Region.'
          : `The CDK’s bootstrap is of version ${version}, and ${BOOTSTRAP_VERSION} is wanted.`,
      todo: `npx cdk bootstrap${qualifier}`,
    },
  ]
}

const modelKeys: Check = async (stage) => {
  const { models } = stage
  const names = [
    ...KEYED_PROVIDERS.filter((provider) => models.providers.includes(provider)),
    ...models.servers.filter(({ isKeyless }) => !isKeyless).map(({ name }) => name),
  ].map((name) => `${parameterPrefix(stage)}${keyParameterOf(name)}`)
  if (names.length === 0) return []
  const client = new SSMClient(place(stage))
  // Only their names, because operators need no permission to read the keys.
  const { Parameters = [] } = await client.send(
    new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: names }] }),
  )
  client.destroy()
  const missing = names.filter((name) => !Parameters.some(({ Name }) => Name === name))
  if (missing.length === 0) return [{ level: 'ok', says: 'All model keys are there.' }]
  return missing.map((name) => ({
    level: 'warn',
    says: `There is no model key ${name}: tasks of its models fail until it is there.`,
    todo: `aws ssm put-parameter --type SecureString --name ${name} --value …`,
  }))
}

const mail: Check = async (stage) => {
  if (!stage.mail) return []
  const client = new SESv2Client(place(stage))
  const identity = stage.mail.identity ?? stage.mail.from
  const [account, found] = await Promise.all([
    client.send(new GetAccountCommand({})),
    client.send(new GetEmailIdentityCommand({ EmailIdentity: identity })).catch((cause: Error) => {
      if (cause.name === 'NotFoundException') return undefined
      throw cause
    }),
  ])
  client.destroy()
  return [
    found?.VerifiedForSendingStatus
      ? { level: 'ok', says: `SES may send as ${identity}.` }
      : {
          level: 'warn',
          says: `SES does not know that ${identity} is yours: mail tasks fail.`,
          todo: `aws sesv2 create-email-identity --email-identity ${identity}, then follow what SES says`,
        },
    ...(account.ProductionAccessEnabled
      ? []
      : [
          {
            level: 'warn' as const,
            says: 'SES is in its sandbox here: it sends to verified addresses only.',
            todo: 'aws sesv2 put-account-details --production-access-enabled …',
          },
        ]),
  ]
}

const CHECKS: Readonly<Record<string, Check>> = {
  'the quota of Lambda': concurrency,
  'the bootstrap': bootstrap,
  'the model keys': modelKeys,
  SES: mail,
}

/**
 * Checks an account before a deployment, for problems that the deployment itself would not report.
 *
 * A missing permission is only a warning, because a role for deployments need not have it.
 */
export async function preflight(stage: StageSettings): Promise<readonly PreflightFinding[]> {
  const found = await Promise.all(
    Object.entries(CHECKS).map(([name, check]) =>
      check(stage).catch((cause: Error): PreflightFinding[] => {
        if (cause.name === 'CredentialsProviderError' || /[Rr]egion is missing/.test(cause.message))
          throw new Error(`There is nothing to deploy with: ${cause.message}`)
        return [{ level: 'warn', says: `Could not look at ${name}: ${cause.name}, ${cause.message}` }]
      }),
    ),
  )
  return found.flat()
}

async function parameter(stage: StageSettings, Name: string): Promise<string | undefined> {
  const client = new SSMClient(place(stage))
  try {
    return (await client.send(new GetParameterCommand({ Name }))).Parameter?.Value ?? ''
  } catch (cause) {
    if (cause instanceof ParameterNotFound) return undefined
    throw cause
  } finally {
    client.destroy()
  }
}
