import { ArnFormat, Stack, Token } from 'aws-cdk-lib'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import { KEYED_PROVIDERS, keyParameterOf } from '../../functions/contract/providers.ts'
import { type BundleName, KEY_PEPPER, PAYLOAD_PREFIX, TABLE } from '../../functions/contract.ts'
import { bedrockResources } from '../stages/model-routes.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'
import { FUNCTION_ACCESS } from './function-access.ts'
import type { PayloadBucket } from './payload-bucket.ts'
import type { TaskFunction } from './task-function.ts'
import type { TaskTable } from './task-table.ts'

export interface AccessTargets {
  readonly stage: StageSettings
  readonly table: TaskTable
  readonly payloads: PayloadBucket
  /** Queues of the lanes that this function uses. */
  readonly queues: readonly sqs.IQueue[]
  readonly deadLetters: readonly sqs.IQueue[]
  readonly workflows?: sqs.IQueue
  readonly webhooks?: sqs.IQueue
  readonly hasModels: boolean
  readonly hasMail?: boolean
  /** ARN of the cleanup function, for workers that may call it. */
  readonly cleanUpArn?: string
  /** Ids of the event source mappings that the function may enable and disable. */
  readonly eventSourceIds?: readonly string[]
}

/** Prefix of the stage's model keys in SSM. Operators create them; no template contains a key. */
export const parameterPrefix = ({ name, models }: StageSettings): string =>
  `/taskrunner/${models.keysOfStage ?? name}/`

/** Gives a function the permissions of its bundle's row in the access table, on exactly the resources it uses. */
export function grantAccess(target: TaskFunction, bundle: BundleName, reach: AccessTargets): void {
  const access = FUNCTION_ACCESS[bundle]
  target.allow(access.table ?? [], [reach.table.table.tableArn])
  if (access.partition)
    // With `ForAllValues` alone, requests without a key would be allowed; these actions always name one.
    target.allow(access.partition.actions, [reach.table.table.tableArn], {
      ...(access.partition.isPrefix
        ? { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${access.partition.key}*`] } }
        : { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [access.partition.key] } }),
    })
  if (access.writesAudit)
    target.allow(['dynamodb:UpdateItem'], [reach.table.table.tableArn], {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${TABLE.auditPrefix}*`] },
    })
  if (access.countsRequests) {
    target.allow(['dynamodb:UpdateItem'], [reach.table.table.tableArn], {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${TABLE.requestsPrefix}*`] },
    })
    const reads = access.table?.includes('dynamodb:GetItem') ? [] : ['dynamodb:GetItem']
    target.allow(reads, [reach.table.table.tableArn], {
      'ForAllValues:StringLike': {
        'dynamodb:LeadingKeys': [`${TABLE.limitsPrefix}*`, `${TABLE.requestsPrefix}*`],
      },
    })
  }
  if (access.payloadList)
    target.allow(['s3:ListBucket'], [reach.payloads.bucket.bucketArn], {
      StringLike: { 's3:prefix': [`${PAYLOAD_PREFIX}*`] },
    })
  if (access.attribute)
    target.allow(['dynamodb:UpdateItem'], [reach.table.table.tableArn], {
      'ForAllValues:StringEquals': {
        'dynamodb:Attributes': [TABLE.partitionKey, TABLE.sortKey, access.attribute],
      },
      StringEqualsIfExists: { 'dynamodb:ReturnValues': ['NONE', 'UPDATED_OLD', 'UPDATED_NEW'] },
    })
  if (access.pepper) target.allow(['ssm:GetParameter'], [parameterArn(target, reach.stage, KEY_PEPPER)])
  target.allow(access.indexes?.list ?? [], [reach.table.indexArn(TABLE.listIndex.name)])
  target.allow(access.indexes?.state ?? [], [reach.table.indexArn(TABLE.stateIndex.name)])
  target.allow(access.indexes?.due ?? [], [reach.table.indexArn(TABLE.dueIndex.name)])
  target.allow(
    access.queues ?? [],
    reach.queues.map(({ queueArn }) => queueArn),
  )
  target.allow(access.workflows ?? [], reach.workflows ? [reach.workflows.queueArn] : [])
  target.allow(access.webhooks ?? [], reach.webhooks ? [reach.webhooks.queueArn] : [])
  target.allow(
    access.deadLetters ?? [],
    reach.deadLetters.map(({ queueArn }) => queueArn),
  )
  target.allow(
    access.eventSources ?? [],
    (reach.eventSourceIds ?? []).map((id) =>
      Stack.of(target).formatArn({
        service: 'lambda',
        resource: 'event-source-mapping',
        resourceName: id,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    ),
  )
  if (access.payloads) {
    target.allow(access.payloads, [reach.payloads.payloadArn])
    acceptWildcard(
      target,
      reach.payloads.payloadArnIn(target),
      'The key of a payload is not known before its task is.',
    )
  }
  if (access.table || access.partition || access.payloads)
    allowDataKeys(target, reach.stage, access.payloads?.some((action) => /Get|Put/.test(action)) ?? false)
  if (access.models && reach.hasModels) allowModels(target, reach.stage)
  if (access.mail && reach.hasMail) allowMail(target, reach.stage)
  if (access.upkeep && reach.cleanUpArn) target.allow(['lambda:InvokeFunction'], [reach.cleanUpArn])
}

const parameterArn = (target: TaskFunction, stage: StageSettings, name: string): string =>
  Stack.of(target).formatArn({
    service: 'ssm',
    resource: 'parameter',
    resourceName: `${parameterPrefix(stage).slice(1)}${name}`,
  })

function allowModels(target: TaskFunction, stage: StageSettings): void {
  const { models } = stage
  const stack = Stack.of(target)
  const keyed = [
    ...KEYED_PROVIDERS.filter((provider) => models.providers.includes(provider)),
    ...models.servers.filter(({ isKeyless }) => !isKeyless).map(({ name }) => name),
  ]
  target.allow(
    ['ssm:GetParameter'],
    keyed.map((name) => parameterArn(target, stage, keyParameterOf(name))),
  )
  // Only through Parameter Store, so that other data encrypted with the same key stays unreadable.
  target.allow(['kms:Decrypt'], models.keysKmsArn && keyed.length > 0 ? [models.keysKmsArn] : [], {
    StringEquals: { 'kms:ViaService': `ssm.${stack.region}.${stack.urlSuffix}` },
  })
  const place = { partition: stack.partition, region: stack.region, account: stack.account }
  target.allow(
    ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'],
    bedrockResources(models.bedrockModels, place),
  )
  // A stage with a fixed Region and account has them in its template, and the security rules print them.
  const asPrinted = (value: string, name: string) => (Token.isUnresolved(value) ? `<AWS::${name}>` : value)
  const printed = {
    partition: asPrinted(stack.partition, 'Partition'),
    region: asPrinted(stack.region, 'Region'),
    account: asPrinted(stack.account, 'AccountId'),
  }
  for (const arn of bedrockResources(models.bedrockModels, printed).filter((text) => text.includes('*')))
    acceptWildcard(target, arn, 'A cross-Region profile may run its model in any of its Regions.')
}

/** Functions use the keys only through the table and the bucket. */
function allowDataKeys(
  target: TaskFunction,
  { dataKmsArn, tenantKmsArns }: StageSettings,
  movesPayloads: boolean,
): void {
  const { region, urlSuffix } = Stack.of(target)
  const [table, bucket] = [`dynamodb.${region}.${urlSuffix}`, `s3.${region}.${urlSuffix}`]
  target.allow(
    ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
    dataKmsArn ? [dataKmsArn] : [],
    { StringEquals: { 'kms:ViaService': [table, bucket] } },
  )
  target.allow(
    ['kms:Decrypt', 'kms:GenerateDataKey'],
    movesPayloads ? [...new Set(Object.values(tenantKmsArns))] : [],
    { StringEquals: { 'kms:ViaService': [bucket] } },
  )
}

function allowMail(target: TaskFunction, { mail }: StageSettings): void {
  if (!mail) return
  const resourceName = mail.identity ?? mail.from
  target.allow(
    ['ses:SendEmail'],
    [Stack.of(target).formatArn({ service: 'ses', resource: 'identity', resourceName })],
  )
}

/** @param arn as the security rule prints it. */
const acceptWildcard = (target: TaskFunction, arn: string, reason: string) =>
  acknowledge(target, { [`AwsSolutions-IAM5[Resource::${arn}]`]: reason })
