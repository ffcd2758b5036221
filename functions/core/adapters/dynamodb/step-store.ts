import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb'
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { TABLE } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import type { KeptStep, StepKey } from '../../domain/step.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { StepStore } from '../../ports/step-store.ts'
import { keyOf, type Row } from './row.ts'

/** After the row's own sort key, so that one partition has both. */
const PREFIX = 'STEP#'

const sortKeyOf = ({ life, name, inputsHash }: StepKey): string =>
  `${PREFIX}${life}#${encodeURIComponent(name)}#${inputsHash.slice(0, 32)}`

function toStep({ pk: _pk, sk: _sk, [TABLE.ttl]: _ttl, ...step }: Row): KeptStep {
  return step as unknown as KeptStep
}

export class DynamoStepStore implements StepStore {
  readonly #client: DynamoDBDocumentClient
  readonly #table: string

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client
    this.#table = table
  }

  // An update, not a put: a worker has no permission to put, so that it can never replace a task's row.
  async keep(task: TaskKey, step: KeptStep, reapAt: number): Promise<KeptStep> {
    const Key = { ...keyOf(task), sk: sortKeyOf(step) }
    const fields = Object.entries({ ...step, [TABLE.ttl]: reapAt })
    const update = new UpdateCommand({
      TableName: this.#table,
      Key,
      UpdateExpression: `SET ${fields.map(([field]) => `#${field} = :${field}`).join(', ')}`,
      ConditionExpression: 'attribute_not_exists(pk)',
      ExpressionAttributeNames: Object.fromEntries(fields.map(([field]) => [`#${field}`, field])),
      ExpressionAttributeValues: Object.fromEntries(fields.map(([field, value]) => [`:${field}`, value])),
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    return this.#guard('keep', async () => {
      try {
        await this.#client.send(update)
        return step
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
        // Not every store sends the old item along; who needs it then reads. Our own lost answer reads as itself.
        if (error.Item) return toStep(unmarshall(error.Item))
        const get = new GetCommand({ TableName: this.#table, Key, ConsistentRead: true })
        const { Item } = await this.#client.send(get)
        return Item ? toStep(Item) : step
      }
    })
  }

  async list(task: TaskKey, life: string): Promise<readonly KeptStep[]> {
    const rows = await this.#query(task, `${PREFIX}${life}#`)
    return rows.map(toStep).sort((left, right) => left.startedAt - right.startedAt)
  }

  async removeAll(task: TaskKey): Promise<readonly KeptStep[]> {
    const rows = await this.#query(task, PREFIX)
    for (const { pk, sk } of rows)
      await this.#guard('remove', () =>
        this.#client.send(new DeleteCommand({ TableName: this.#table, Key: { pk, sk } })),
      )
    return rows.map(toStep)
  }

  async #query(task: TaskKey, prefix: string): Promise<readonly Row[]> {
    const rows: Row[] = []
    let ExclusiveStartKey: Row | undefined
    do {
      const query = new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
        ExpressionAttributeValues: { ':pk': keyOf(task).pk, ':prefix': prefix },
        ConsistentRead: true,
        ExclusiveStartKey,
      })
      const answer = await this.#guard('list', () => this.#client.send(query))
      rows.push(...(answer.Items ?? []))
      ExclusiveStartKey = answer.LastEvaluatedKey
    } while (ExclusiveStartKey)
    return rows
  }

  async #guard<Answer>(what: string, call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call()
    } catch (cause) {
      throw new UnavailableError(`The table did not answer (${what} step).`, { cause })
    }
  }
}
