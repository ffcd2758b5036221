import { CreateTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3'
import { CreateQueueCommand, SetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { BucketPlan, Plan, QueuePlan, TablePlan } from '../template/plan.ts'

export interface Clients {
  readonly dynamo: DynamoDBClient
  readonly sqs: SQSClient
  readonly s3: S3Client
}

/** Creates the template's missing resources. @throws Error when an existing table has another shape. */
export async function provision(plan: Plan, { dynamo, sqs, s3 }: Clients): Promise<void> {
  await Promise.all([
    ...plan.tables.map((table) => provisionTable(table, dynamo)),
    ...plan.buckets.map((bucket) => provisionBucket(bucket, s3)),
    provisionQueues(plan.queues, sqs),
  ])
}

async function provisionTable(
  { name, ttlAttribute, ...shape }: TablePlan,
  dynamo: DynamoDBClient,
): Promise<void> {
  const present = await dynamo.send(new DescribeTableCommand({ TableName: name })).catch(() => undefined)
  if (!present?.Table) {
    await dynamo.send(
      new CreateTableCommand({ TableName: name, BillingMode: 'PAY_PER_REQUEST', ...shape } as never),
    )
    return
  }
  const { KeySchema, GlobalSecondaryIndexes = [] } = present.Table
  const stored = GlobalSecondaryIndexes.map((index) => ({
    IndexName: index.IndexName,
    KeySchema: index.KeySchema,
    Projection: index.Projection,
  }))
  if (
    canonical({ KeySchema, indexes: stored }) !==
    canonical({ KeySchema: shape.KeySchema, indexes: shape.GlobalSecondaryIndexes ?? [] })
  )
    throw new Error(
      `Table ${name} is stored with other keys or indexes than the template has. Start once with --fresh.`,
    )
}

/** JSON that does not depend on the order of keys and list items. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}:${canonical(item)}`)
    .sort()
    .join()}}`
}

const provisionBucket = ({ name }: BucketPlan, s3: S3Client) =>
  s3.send(new CreateBucketCommand({ Bucket: name }))

/** Dead-letter queues first, because a redrive policy must name an existing queue. */
async function provisionQueues(queues: readonly QueuePlan[], sqs: SQSClient): Promise<void> {
  const isSource = ({ attributes }: QueuePlan) => attributes.RedrivePolicy !== undefined
  for (const queue of [...queues].sort((a, b) => Number(isSource(a)) - Number(isSource(b)))) {
    await sqs
      .send(new CreateQueueCommand({ QueueName: queue.name, Attributes: queue.attributes }))
      .catch((cause: Error) => {
        // It exists with other attributes; set those of the template.
        if (!cause.name.endsWith('QueueNameExists')) throw cause
        return sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: queue.attributes }))
      })
  }
}
