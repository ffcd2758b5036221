import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { UnavailableError } from '../../domain/errors.ts'
import type { HealthStore } from '../../ports/health-store.ts'
import { callAws } from '../aws/failures.ts'

const PARTITION = 'HEALTH'
const HEALTH = { service: 'The table', what: 'health' }

export class DynamoHealthStore implements HealthStore {
  readonly #client: DynamoDBDocumentClient
  readonly #table: string

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client
    this.#table = table
  }

  async probe(now: number): Promise<void> {
    await this.#write('probe', now)
    const at = await this.#read('probe')
    // A concurrent check may have written a later time.
    if (at === undefined || at < now) throw new UnavailableError('The table did not keep what was written.')
  }

  async recordSweep(now: number): Promise<void> {
    await this.#write('sweep', now)
  }

  async lastSweep(): Promise<number | undefined> {
    return this.#read('sweep')
  }

  async #write(name: string, now: number): Promise<void> {
    await callAws(HEALTH, () =>
      this.#client.send(
        new UpdateCommand({
          TableName: this.#table,
          Key: { pk: PARTITION, sk: name },
          UpdateExpression: 'SET checkedAt = :now',
          ExpressionAttributeValues: { ':now': now },
        }),
      ),
    )
  }

  async #read(name: string): Promise<number | undefined> {
    const { Item } = await callAws(HEALTH, () =>
      this.#client.send(
        new GetCommand({ TableName: this.#table, Key: { pk: PARTITION, sk: name }, ConsistentRead: true }),
      ),
    )
    return typeof Item?.checkedAt === 'number' ? Item.checkedAt : undefined
  }
}
