import { RemovalPolicy } from 'aws-cdk-lib'
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import { TABLE } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { acknowledge } from './acknowledge.ts'

const text = (name: string) => ({ name, type: dynamodb.AttributeType.STRING })

/**
 * The one table: every task's row, and the index by which the sweeper finds due rows.
 *
 * On demand, because the load of a task runner has bursts and pauses. No stream: all later work is found by the due
 * index. The indexes project only attributes that readers filter by, since each projected attribute is written again
 * with every change of the row.
 */
export class TaskTable extends Construct {
  readonly table: dynamodb.TableV2

  constructor(
    scope: Construct,
    id: string,
    { protection, table, dataKmsArn }: Pick<StageSettings, 'protection' | 'table' | 'dataKmsArn'>,
  ) {
    super(scope, id)
    // For the indexes too, because a throttled index throttles writes to the table.
    const warm = table.warmWriteUnits ? { warmThroughput: { writeUnitsPerSecond: table.warmWriteUnits } } : {}
    this.table = new dynamodb.TableV2(this, 'Table', {
      partitionKey: text(TABLE.partitionKey),
      sortKey: text(TABLE.sortKey),
      timeToLiveAttribute: TABLE.ttl,
      billing: dynamodb.Billing.onDemand({
        ...(table.maxReadUnits ? { maxReadRequestUnits: table.maxReadUnits } : {}),
        ...(table.maxWriteUnits ? { maxWriteRequestUnits: table.maxWriteUnits } : {}),
      }),
      ...warm,
      globalSecondaryIndexes: [
        ...[TABLE.listIndex, TABLE.stateIndex].map(({ name, partitionKey, sortKey, include }) => ({
          indexName: name,
          partitionKey: text(partitionKey),
          sortKey: text(sortKey),
          projectionType: dynamodb.ProjectionType.INCLUDE,
          nonKeyAttributes: [...include],
          ...warm,
        })),
        {
          indexName: TABLE.dueIndex.name,
          partitionKey: text(TABLE.dueIndex.partitionKey),
          sortKey: { name: TABLE.dueIndex.sortKey, type: dynamodb.AttributeType.NUMBER },
          projectionType: dynamodb.ProjectionType.INCLUDE,
          nonKeyAttributes: [...TABLE.dueIndex.include],
          ...warm,
        },
      ],
      ...(dataKmsArn
        ? {
            encryption: dynamodb.TableEncryptionV2.customerManagedKey(
              Key.fromKeyArn(this, 'Key', dataKmsArn),
            ),
          }
        : {}),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: protection.hasPointInTimeRecovery },
      deletionProtection: protection.hasDeletionProtection,
      removalPolicy: protection.isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    if (!protection.hasPointInTimeRecovery)
      acknowledge(this, {
        'AwsSolutions-DDB3': 'This stage holds nothing worth restoring.',
        'Serverless-DynamoDBPITREnabled': 'This stage holds nothing worth restoring.',
      })
  }

  /** ARN of one index instead of `index/*`, so that a policy allows no other. */
  indexArn(name: string): string {
    return `${this.table.tableArn}/index/${name}`
  }
}
