import { type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { Task } from '../../domain/task.ts'
import type { TextId, TextPiece } from '../../domain/text-piece.ts'
import type { TextStream } from '../../ports/text-stream.ts'
import { keyOf, type Row } from './row.ts'
import { Table } from './table.ts'

/** In the partition of the task's row. */
const PREFIX = 'TEXT#'
/** Sorts after every digit of an offset. */
const END = '~'

/** `createdAt` separates a task from an expired one with the same id. */
const textsOf = ({ createdAt }: Task): string => `${PREFIX}${createdAt.toString(36)}#`

const sortKeyOf = (task: Task, { epoch, attempt, take, offset }: TextId & { offset: number }): string =>
  `${textsOf(task)}${[epoch, attempt, take, offset].map((part) => String(part).padStart(9, '0')).join('.')}`

export class DynamoTextStream implements TextStream {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  // An update, not a put: a worker has no permission to put, so that it can never replace a task's row.
  async append(task: Task, { text, ...at }: TextPiece, reapAt: number): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: { pk: keyOf(task).pk, sk: sortKeyOf(task, at) },
      UpdateExpression: 'SET #at = :at, #text = :text, #ttl = :ttl',
      ExpressionAttributeNames: { '#at': 'at', '#text': 'text', '#ttl': TABLE.ttl },
      ExpressionAttributeValues: { ':at': at, ':text': text, ':ttl': reapAt },
    })
    await this.#table.call('append text', (client) => client.send(update))
  }

  async read(task: Task, from: TextId & { readonly offset: number }): Promise<readonly TextPiece[]> {
    const pieces: TextPiece[] = []
    let ExclusiveStartKey: Row | undefined
    do {
      const query = new QueryCommand({
        TableName: this.#table.name,
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :end',
        ExpressionAttributeValues: {
          ':pk': keyOf(task).pk,
          ':from': sortKeyOf(task, from),
          ':end': textsOf(task) + END,
        },
        ConsistentRead: true,
        ExclusiveStartKey,
      })
      const answer = await this.#table.call('read text', (client) => client.send(query))
      for (const { at, text } of answer.Items ?? []) pieces.push({ ...at, text })
      ExclusiveStartKey = answer.LastEvaluatedKey
    } while (ExclusiveStartKey)
    return pieces
  }
}
