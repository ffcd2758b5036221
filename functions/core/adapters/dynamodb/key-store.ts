import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { ApiKey } from '../../domain/api-key.ts'
import type { KeyStore } from '../../ports/key-store.ts'
import { createdKey, type Row } from './row.ts'
import { VersionedRows } from './versioned-rows.ts'

const PAGE = 100
/** Of a tenant that creates keys by a program, the newest 1,000 are listed. */
const MAX_PAGES = 10

const keyOf = ({ id }: { readonly id: string }): Row => ({ pk: `${TABLE.keyPrefix}${id}`, sk: 'K' })

/** The list index has one partition for each tenant's tasks, and another for its keys. */
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
    const found: ApiKey[] = []
    let from: Row | undefined
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const query: QueryCommand = new QueryCommand({
        TableName: this.#rows.table.name,
        IndexName: TABLE.listIndex.name,
        KeyConditionExpression: 'listShard = :shard',
        ExpressionAttributeValues: { ':shard': listPartition(tenant) },
        ScanIndexForward: false,
        Limit: PAGE,
        ...(from ? { ExclusiveStartKey: from } : {}),
      })
      const { Items = [], LastEvaluatedKey } = await this.#rows.table.call('list', (client) =>
        client.send(query),
      )
      const rows = await this.#rows.table.readMany(Items.map(({ pk }) => ({ pk, sk: 'K' })))
      found.push(...rows.map(fromRow))
      if (!LastEvaluatedKey) break
      from = LastEvaluatedKey
    }
    return found.sort((one, other) => other.createdAt - one.createdAt)
  }
}
