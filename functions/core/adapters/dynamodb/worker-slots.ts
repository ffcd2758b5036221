import { type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { type Lane, TABLE } from '../../../contract.ts'
import { type SlotCount, sumSlots, type WorkerSlots } from '../../ports/worker-slots.ts'
import { Table } from './table.ts'

/** One item per running worker; DynamoDB deletes it an hour after it has expired. */
const KEPT_SECONDS = 3_600

export class DynamoWorkerSlots implements WorkerSlots {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async report(lane: Lane, worker: string, { used, paid }: SlotCount, until: number): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: { [TABLE.partitionKey]: TABLE.workerSlots, [TABLE.sortKey]: `${lane}#${worker}` },
      UpdateExpression: 'SET used = :used, paid = :paid, #until = :until, #ttl = :ttl',
      ExpressionAttributeNames: { '#until': 'until', '#ttl': TABLE.ttl },
      ExpressionAttributeValues: {
        ':used': used,
        ':paid': paid,
        ':until': until,
        ':ttl': Math.ceil(until / 1_000) + KEPT_SECONDS,
      },
    })
    await this.#table.call('worker slots', (client) => client.send(update))
  }

  async read(now: number, lane?: Lane): Promise<ReadonlyMap<Lane, SlotCount>> {
    const reports: (SlotCount & { lane: Lane })[] = []
    let ExclusiveStartKey: Record<string, unknown> | undefined
    do {
      const query = new QueryCommand({
        TableName: this.#table.name,
        // Without a lane there is no second condition: DynamoDB refuses a comparison with an empty key.
        KeyConditionExpression: lane ? 'pk = :pk AND begins_with(sk, :lane)' : 'pk = :pk',
        ExpressionAttributeValues: {
          ':pk': TABLE.workerSlots,
          ...(lane ? { ':lane': `${lane}#` } : {}),
          ':now': now,
        },
        ExpressionAttributeNames: { '#until': 'until' },
        FilterExpression: '#until > :now',
        ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}),
      })
      const page = await this.#table.call('worker slots', (client) => client.send(query))
      for (const { sk, used, paid } of page.Items ?? [])
        reports.push({ lane: String(sk).split('#')[0] as Lane, used: Number(used), paid: Number(paid) })
      ExclusiveStartKey = page.LastEvaluatedKey
    } while (ExclusiveStartKey)
    return sumSlots(reports)
  }
}
