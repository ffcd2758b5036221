import {
  ConditionalCheckFailedException,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  RestoreTableToPointInTimeCommand,
  TableAlreadyExistsException,
} from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, PutCommand, paginateScan } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../functions/contract.ts'

export interface RestoreOrder {
  readonly table: string
  readonly at: Date
  /** Tenants whose rows are not restored, because their data was deleted on purpose. */
  readonly without: readonly string[]
  /** Do not delete the restored table afterwards. */
  readonly keepsRestoredTable: boolean
  readonly now: () => number
  readonly tell: (step: string) => void
  readonly pollMs?: number
}

export interface RestoreCounts {
  readonly copied: number
  /** Rows that exist in the table and were not changed. */
  readonly kept: number
  /** Rows that would have expired since, or belong to excluded tenants. */
  readonly left: number
}

const POLL_MS = 15_000
const CONCURRENCY = 25
/** Table names may have 255 characters. */
const NAME_LENGTH = 230

/**
 * Restores rows that a table has lost. AWS restores into a table with another name, which no function uses, so its rows are
 * copied into the stage's table where the key does not exist. Each step can be repeated while the stage works: a started
 * restore is found by its name, and existing rows are not changed.
 */
export async function restoreTable(client: DynamoDBClient, order: RestoreOrder): Promise<RestoreCounts> {
  const { table, at, tell, pollMs = POLL_MS } = order
  const beside = `${table.slice(0, NAME_LENGTH)}-restored-${at.getTime()}`
  tell(`1 of 3: ${table} as of ${at.toISOString()} into ${beside}, which takes minutes to hours`)
  await client
    .send(
      new RestoreTableToPointInTimeCommand({
        SourceTableName: table,
        TargetTableName: beside,
        RestoreDateTime: at,
      }),
    )
    .catch((cause: Error) => {
      // A restore that was started before continues.
      if (!(cause instanceof TableAlreadyExistsException)) throw cause
    })
  while ((await statusOf(client, beside)) !== 'ACTIVE') await new Promise((done) => setTimeout(done, pollMs))
  tell('2 of 3: rows that are gone are copied')
  const restored = await copyRows(client, beside, order)
  if (order.keepsRestoredTable) tell(`3 of 3: ${beside} stays, and costs until it is deleted`)
  else {
    await client.send(new DeleteTableCommand({ TableName: beside }))
    tell(`3 of 3: ${beside} is deleted`)
  }
  return restored
}

async function statusOf(client: DynamoDBClient, name: string): Promise<string | undefined> {
  return (await client.send(new DescribeTableCommand({ TableName: name }))).Table?.TableStatus
}

async function copyRows(
  client: DynamoDBClient,
  from: string,
  { table, without, now }: RestoreOrder,
): Promise<RestoreCounts> {
  const documents = DynamoDBDocumentClient.from(client)
  const counts = { copied: 0, kept: 0, left: 0 }
  const gone = new Set(without.map(encodeURIComponent))
  const isWanted = (row: Readonly<Record<string, unknown>>): boolean => {
    const expiresAt = row[TABLE.ttl]
    const isExpired = typeof expiresAt === 'number' && expiresAt * 1_000 <= now()
    return (
      !isExpired &&
      !String(row[TABLE.partitionKey])
        .split('#')
        .some((part) => gone.has(part))
    )
  }
  const put = async (Item: Record<string, unknown>) => {
    const command = new PutCommand({
      TableName: table,
      Item,
      ConditionExpression: 'attribute_not_exists(#key)',
      ExpressionAttributeNames: { '#key': TABLE.partitionKey },
    })
    await documents.send(command).then(
      () => {
        counts.copied += 1
      },
      (cause: Error) => {
        if (!(cause instanceof ConditionalCheckFailedException)) throw cause
        counts.kept += 1
      },
    )
  }
  for await (const { Items = [] } of paginateScan({ client: documents }, { TableName: from })) {
    const wanted = Items.filter(isWanted)
    counts.left += Items.length - wanted.length
    for (let start = 0; start < wanted.length; start += CONCURRENCY)
      await Promise.all(wanted.slice(start, start + CONCURRENCY).map(put))
  }
  return counts
}
