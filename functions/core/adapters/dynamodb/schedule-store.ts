import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import type { Schedule } from '../../domain/schedule.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { ScheduleStore } from '../../ports/schedule-store.ts'
import { dueShard, type Row } from './row.ts'
import { VersionedRows } from './versioned-rows.ts'

/** All schedules of a tenant are in one partition, so that one query lists them. */
const partitionOf = (tenant: string): string => `H#${encodeURIComponent(tenant)}`
const keyOf = ({ tenant, id }: TaskKey): Row => ({ pk: partitionOf(tenant), sk: id })

/** @returns the key in a due entry. */
export const parseScheduleKey = (pk: string, sk: string): TaskKey => ({
  tenant: decodeURIComponent(pk.split('#')[1] ?? ''),
  id: sk,
})

function toRow(schedule: Schedule): Row {
  const { tenant, nextAt, ...rest } = schedule
  return {
    ...rest,
    // Not `tenant`, which is the list index's partition key: schedules must not be listed among tasks.
    owner: tenant,
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(nextAt === undefined || schedule.isPaused
      ? {}
      : { dueShard: dueShard('timed', schedule.id.padStart(2, '0')), dueAt: nextAt }),
  }
}

function fromRow(row: Row): Schedule {
  const { pk, sk, dueShard, dueAt, writeId, owner, ...rest } = row
  return { ...rest, tenant: owner } as unknown as Schedule
}

export class DynamoScheduleStore implements ScheduleStore {
  readonly #rows: VersionedRows<Schedule>

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number, writeId: () => string) {
    this.#rows = new VersionedRows(client, table, now, writeId, { keyOf, toRow, fromRow })
  }

  create(schedule: Schedule) {
    return this.#rows.create(schedule)
  }

  get(key: TaskKey): Promise<Schedule | undefined> {
    return this.#rows.get(key)
  }

  replace(seen: Schedule, next: Schedule): Promise<boolean> {
    return this.#rows.replace(seen, next)
  }

  remove(seen: Schedule): Promise<boolean> {
    return this.#rows.remove(seen)
  }

  async list(tenant: string, limit: number, cursor?: string) {
    const found: Row[] = []
    let ExclusiveStartKey: Row | undefined
    // A page of the table ends at 1 MB, which is a few schedules with large inputs.
    do {
      const query = new QueryCommand({
        TableName: this.#rows.table.name,
        KeyConditionExpression: `pk = :pk${cursor === undefined ? '' : ' AND sk > :cursor'}`,
        ExpressionAttributeValues: {
          ':pk': partitionOf(tenant),
          ...(cursor === undefined ? {} : { ':cursor': cursor }),
        },
        Limit: limit + 1 - found.length,
        ConsistentRead: true,
        ExclusiveStartKey,
      })
      const { Items = [], LastEvaluatedKey } = await this.#rows.table.call('list', (client) =>
        client.send(query),
      )
      found.push(...Items)
      ExclusiveStartKey = LastEvaluatedKey
    } while (ExclusiveStartKey && found.length <= limit)
    const schedules = found.slice(0, limit).map(fromRow)
    const last = schedules.at(-1)
    return found.length > limit && last ? { schedules, cursor: last.id } : { schedules }
  }
}
