import { QueryCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { ListFilter } from '../../ports/task-store.ts'
import { createdKey, type Row } from './row.ts'
import type { Table } from './table.ts'

/** Index entries looked at for one page, so that a rare filter answers a short page with a cursor, not a timeout. */
const MAX_SCANNED = 20_000

/** Reads ids from the list index; the rows themselves are read by key, so the index stays small and cheap to write. */
export async function readPage(
  table: Table,
  tenant: string,
  filter: ListFilter,
  limit: number,
  cursor: string | undefined,
): Promise<{ ids: readonly string[]; cursor?: string }> {
  // "~" sorts after every id; a cursor is the key of the last row given and is dropped below.
  const newest = createdKey(filter.createdBefore ?? 99_999_999_999_999, '~')
  const conditions: string[] = []
  const names: Record<string, string> = {}
  const values: Record<string, unknown> = {
    ':tenant': tenant,
    ':low': createdKey(filter.createdAfter ?? 0),
    ':high': cursor !== undefined && cursor < newest ? cursor : newest,
  }
  for (const field of ['status', 'type', 'lane'] as const) {
    if (filter[field] === undefined) continue
    names[`#${field}`] = field
    values[`:${field}`] = filter[field]
    conditions.push(`#${field} = :${field}`)
  }
  if (filter.tag !== undefined) {
    values[':tag'] = filter.tag
    conditions.push('contains(tags, :tag)')
  }
  const found: string[] = []
  let scanned = 0
  let ExclusiveStartKey: Row | undefined
  let last = cursor
  if (String(values[':high']) < String(values[':low'])) return { ids: [] }
  do {
    const query = new QueryCommand({
      TableName: table.name,
      IndexName: TABLE.listIndex.name,
      KeyConditionExpression: 'tenant = :tenant AND createdKey BETWEEN :low AND :high',
      ...(conditions.length ? { FilterExpression: conditions.join(' AND ') } : {}),
      ...(Object.keys(names).length ? { ExpressionAttributeNames: names } : {}),
      ExpressionAttributeValues: values,
      ScanIndexForward: false,
      Limit: conditions.length ? 1_000 : limit + 2,
      ExclusiveStartKey,
    })
    const answer = await table.call('list', (client) => client.send(query))
    scanned += answer.ScannedCount ?? 0
    for (const item of answer.Items ?? []) if (item.createdKey !== cursor) found.push(String(item.createdKey))
    ExclusiveStartKey = answer.LastEvaluatedKey
    if (ExclusiveStartKey) last = String(ExclusiveStartKey.createdKey)
  } while (ExclusiveStartKey && found.length <= limit && scanned < MAX_SCANNED)
  const page = found.slice(0, limit)
  const isMore = found.length > limit || ExclusiveStartKey !== undefined
  const next = found.length >= limit ? page.at(-1) : last
  return { ids: page.map((key) => key.split('#')[1] ?? ''), ...(isMore && next ? { cursor: next } : {}) }
}
