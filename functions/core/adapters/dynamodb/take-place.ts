import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

interface PlaceRequest {
  readonly now: number
  /** When the place expires, whatever happens to its holder. */
  readonly until: number
  readonly holder: string
  /** Another holder, from whom the place may be taken over. */
  readonly from?: string
  /** Seconds since 1970 from which DynamoDB may delete the item; for places without a fixed number. */
  readonly reapAt?: number
}

/**
 * Takes a place: an item that states until when it is taken. One conditional write takes it, the place of a crashed holder
 * expires, and there are never more holders than items. Not used: a counter, which stays too high after a crash.
 *
 * @returns a function that frees the place early; undefined when another holder has it.
 * @throws UnavailableError when the table does not answer.
 */
export async function takePlace(
  table: Table,
  key: Row,
  { now, until, holder, from, reapAt }: PlaceRequest,
): Promise<(() => Promise<void>) | undefined> {
  const set = async (until: number, condition: string, values: object): Promise<boolean> => {
    const update = new UpdateCommand({
      TableName: table.name,
      Key: key,
      UpdateExpression: `SET #until = :until, #holder = :holder${reapAt === undefined ? '' : ', #reapAt = :reapAt'}`,
      ConditionExpression: condition,
      ExpressionAttributeNames: {
        '#until': 'until',
        '#holder': 'holder',
        ...(reapAt === undefined ? {} : { '#reapAt': TABLE.ttl }),
      },
      ExpressionAttributeValues: {
        ':until': until,
        ':holder': holder,
        ...(reapAt === undefined ? {} : { ':reapAt': reapAt }),
        ...values,
      },
    })
    return !('refused' in (await table.write('place', (client) => client.send(update))))
  }
  const isFree = 'attribute_not_exists(#until) OR #until <= :now'
  const isTaken = await (from === undefined
    ? set(until, isFree, { ':now': now })
    : set(until, `${isFree} OR #holder = :from`, { ':now': now, ':from': from }))
  if (!isTaken) return undefined
  return async () => {
    await set(0, '#holder = :holder', {})
  }
}
