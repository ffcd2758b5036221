import { type DynamoDBDocumentClient, GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { Circuit } from '../../domain/circuit.ts'
import type { CircuitStore, StoredCircuit } from '../../ports/circuit-store.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

/** All circuits are in one partition, so that one query of one read unit reads them. */
const PARTITION = 'CIRCUITS'
/** Circuits that were not written for this long are deleted. */
const KEPT_SECONDS = 86_400

export class DynamoCircuitStore implements CircuitStore {
  readonly #table: Table
  readonly #now: () => number

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number) {
    this.#table = new Table(client, table)
    this.#now = now
  }

  async readAll(): Promise<ReadonlyMap<string, StoredCircuit>> {
    const query = new QueryCommand({
      TableName: this.#table.name,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': PARTITION },
      ConsistentRead: true,
    })
    const { Items = [] } = await this.#table.call('circuits', (client) => client.send(query))
    return new Map(Items.map((item) => [String(item.sk), fromRow(item)]))
  }

  // Not strongly consistent, because it is only for display.
  async read(name: string): Promise<StoredCircuit | undefined> {
    const get = new GetCommand({ TableName: this.#table.name, Key: { pk: PARTITION, sk: name } })
    const { Item } = await this.#table.call('circuit', (client) => client.send(get))
    return Item && fromRow(Item)
  }

  // An update, not a put: a worker has no permission to put, so that it can never replace a task's row.
  async replace(name: string, seen: StoredCircuit | undefined, next: Circuit): Promise<boolean> {
    const fields: Record<string, unknown> = {
      ...Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined)),
      version: (seen?.version ?? 0) + 1,
      [TABLE.ttl]: Math.floor(this.#now() / 1_000) + KEPT_SECONDS,
    }
    const gone = ['until', 'laterUntil', 'probeUntil', 'reopenedAt'].filter((field) => !(field in fields))
    const names = [...Object.keys(fields), ...gone]
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: { pk: PARTITION, sk: name },
      UpdateExpression: [
        `SET ${Object.keys(fields)
          .map((field) => `#${field} = :${field}`)
          .join(', ')}`,
        ...(gone.length ? [`REMOVE ${gone.map((field) => `#${field}`).join(', ')}`] : []),
      ].join(' '),
      ConditionExpression: seen ? '#version = :seen' : 'attribute_not_exists(#version)',
      ExpressionAttributeNames: Object.fromEntries(names.map((field) => [`#${field}`, field])),
      ExpressionAttributeValues: {
        ...Object.fromEntries(Object.entries(fields).map(([field, value]) => [`:${field}`, value])),
        ...(seen ? { ':seen': seen.version } : {}),
      },
    })
    return !('refused' in (await this.#table.write('circuit', (client) => client.send(update), fields)))
  }
}

/** Rows of earlier versions have no tasks. */
const fromRow = ({ pk: _pk, sk: _sk, [TABLE.ttl]: _ttl, ...circuit }: Row): StoredCircuit =>
  ({ tasks: [], fresh: 0, tenants: [], ...circuit }) as unknown as StoredCircuit
