import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { ApiKey } from '../../domain/api-key.ts'
import type { KeyStore } from '../../ports/key-store.ts'
import { createdKey, type Row } from './row.ts'
import { VersionedRows } from './versioned-rows.ts'

const PAGE = 100

const keyOf = ({ id }: { readonly id: string }): Row => ({ pk: `${TABLE.keyPrefix}${id}`, sk: 'K' })

/** The list index has a partition for each tenant's tasks, and another for its keys. */
const listPartition = (tenant: string): string => `${TABLE.keyPrefix}${tenant}`

const toRow = ({ tenant, scopes, ...rest }: ApiKey): Row => ({
  ...rest,
  scopes: [...scopes],
  owner: tenant,
  listShard: listPartition(tenant),
  createdKey: createdKey(rest.createdAt, rest.id),
})

function fromRow(row: Row): ApiKey {
  const {
    pk: _pk,
    sk: _sk,
    listShard: _list,
    createdKey: _created,
    writeId: _writeId,
    updatedAt: _updatedAt,
    owner,
    ...rest
  } = row
  return { ...rest, tenant: owner } as unknown as ApiKey
}

export class DynamoKeyStore implements KeyStore {
  readonly #rows: VersionedRows<ApiKey>

  constructor(client: DynamoDBDocumentClient, table: string, now: () => number, writeId: () => string) {
    this.#rows = new VersionedRows(client, table, now, writeId, { keyOf, toRow, fromRow })
  }

  create(key: ApiKey) {
    return this.#rows.create(key)
  }

  get(id: string): Promise<ApiKey | undefined> {
    return this.#rows.get({ id })
  }

  replace(seen: ApiKey, next: ApiKey): Promise<boolean> {
    return this.#rows.replace(seen, next)
  }

  async list(tenant: string): Promise<readonly ApiKey[]> {
    const query = new QueryCommand({
      TableName: this.#rows.table.name,
      IndexName: TABLE.listIndex.name,
      KeyConditionExpression: 'listShard = :shard',
      ExpressionAttributeValues: { ':shard': listPartition(tenant) },
      ScanIndexForward: false,
      Limit: PAGE,
    })
    const { Items = [] } = await this.#rows.table.call('list', (client) => client.send(query))
    const rows = await this.#rows.table.readMany(Items.map(({ pk }) => ({ pk, sk: 'K' })))
    return rows.map(fromRow).sort((one, other) => other.createdAt - one.createdAt)
  }
}
