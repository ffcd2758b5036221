import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { KeptStep, StepKey } from '../../domain/step.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { StepStore } from '../../ports/step-store.ts'
import { keyOf, type Row } from './row.ts'
import { Table } from './table.ts'

/** Sorts after the row's own sort key, so that both are in one partition. */
const PREFIX = 'STEP#'

const sortKeyOf = ({ life, name, inputsHash }: StepKey): string =>
  `${PREFIX}${life}#${encodeURIComponent(name)}#${inputsHash.slice(0, 32)}`

function toStep({ pk: _pk, sk: _sk, [TABLE.ttl]: _ttl, ...step }: Row): KeptStep {
  return step as unknown as KeptStep
}

export class DynamoStepStore implements StepStore {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  // An update, not a put: a worker has no permission to put, so that it can never replace a task's row.
  async keep(task: TaskKey, step: KeptStep, reapAt: number): Promise<KeptStep> {
    const Key = { ...keyOf(task), sk: sortKeyOf(step) }
    const fields = Object.entries({ ...step, [TABLE.ttl]: reapAt })
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key,
      UpdateExpression: `SET ${fields.map(([field]) => `#${field} = :${field}`).join(', ')}`,
      ConditionExpression: 'attribute_not_exists(pk)',
      ExpressionAttributeNames: Object.fromEntries(fields.map(([field]) => [`#${field}`, field])),
      ExpressionAttributeValues: Object.fromEntries(fields.map(([field, value]) => [`:${field}`, value])),
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    const answer = await this.#table.write('keep step', (client) => client.send(update), { ...step })
    if (!('refused' in answer)) return step
    // Not every table implementation returns the old item, so it is read. After our own lost answer it is our own value.
    if (answer.old) return toStep(answer.old)
    const row = await this.#table.read('read step', Key)
    return row ? toStep(row) : step
  }

  async list(task: TaskKey, life: string): Promise<readonly KeptStep[]> {
    const rows = await this.#query(task, `${PREFIX}${life}#`)
    return rows.map(toStep).sort((left, right) => left.startedAt - right.startedAt)
  }

  async removeAll(task: TaskKey): Promise<readonly KeptStep[]> {
    const rows = await this.#query(task, PREFIX)
    for (const { pk, sk } of rows)
      await this.#table.call('remove step', (client) =>
        client.send(new DeleteCommand({ TableName: this.#table.name, Key: { pk, sk } })),
      )
    return rows.map(toStep)
  }

  async #query(task: TaskKey, prefix: string): Promise<readonly Row[]> {
    const rows: Row[] = []
    let ExclusiveStartKey: Row | undefined
    do {
      const query = new QueryCommand({
        TableName: this.#table.name,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
        ExpressionAttributeValues: { ':pk': keyOf(task).pk, ':prefix': prefix },
        ConsistentRead: true,
        ExclusiveStartKey,
      })
      const answer = await this.#table.call('steps', (client) => client.send(query))
      rows.push(...(answer.Items ?? []))
      ExclusiveStartKey = answer.LastEvaluatedKey
    } while (ExclusiveStartKey)
    return rows
  }
}
