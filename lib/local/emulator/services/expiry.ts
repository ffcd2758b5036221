import { DeleteItemCommand, type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { DeleteObjectsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import type { BucketPlan, TablePlan } from '../template/plan.ts'

const DAY_MS = 86_400_000

/** Deletes items whose time to live has passed, as DynamoDB does. */
export async function expireItems(
  { name, ttlAttribute, KeySchema }: TablePlan,
  dynamo: DynamoDBClient,
): Promise<number> {
  if (!ttlAttribute) return 0
  const keys = (KeySchema as { AttributeName: string }[]).map(({ AttributeName }) => AttributeName)
  const names = Object.fromEntries(
    [...keys, ttlAttribute].map((attribute, index) => [`#${index}`, attribute]),
  )
  const values = { ':now': { N: String(Math.floor(Date.now() / 1_000)) } }
  const isExpired = `#${keys.length} < :now`
  let deleted = 0
  let ExclusiveStartKey: Record<string, never> | undefined
  do {
    const page = await dynamo.send(
      new ScanCommand({
        TableName: name,
        Limit: 200,
        FilterExpression: isExpired,
        ProjectionExpression: Object.keys(names).join(),
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
        ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}),
      }),
    )
    for (const item of page.Items ?? []) {
      const Key = Object.fromEntries(keys.flatMap((key) => (item[key] ? [[key, item[key]]] : [])))
      const command = new DeleteItemCommand({
        TableName: name,
        Key,
        ConditionExpression: '#t < :now',
        ExpressionAttributeNames: { '#t': ttlAttribute },
        ExpressionAttributeValues: values,
      })
      await dynamo.send(command).then(
        () => {
          deleted += 1
        },
        () => undefined,
      )
    }
    ExclusiveStartKey = page.LastEvaluatedKey as never
  } while (ExclusiveStartKey)
  return deleted
}

/** Deletes objects older than their lifecycle rule allows, as S3 does. */
export async function expireObjects({ name, expiry }: BucketPlan, s3: S3Client): Promise<number> {
  let deleted = 0
  for (const { prefix, days } of expiry) {
    let ContinuationToken: string | undefined
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket: name,
          Prefix: prefix,
          ...(ContinuationToken ? { ContinuationToken } : {}),
        }),
      )
      const old = (page.Contents ?? []).filter(
        ({ LastModified }) => LastModified && LastModified.getTime() < Date.now() - days * DAY_MS,
      )
      if (old.length > 0)
        await s3.send(
          new DeleteObjectsCommand({
            Bucket: name,
            Delete: { Objects: old.map(({ Key }) => ({ Key: Key ?? '' })) },
          }),
        )
      deleted += old.length
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken)
  }
  return deleted
}
