import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb'
import {
  BatchGetCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { UnavailableError } from '../../domain/errors.ts'
import { callAws } from '../aws/failures.ts'
import type { Row } from './row.ts'

/** A condition that did not hold. `old` is the row; not every table implementation returns it. */
export interface Refusal {
  readonly refused: true
  readonly old: Row | undefined
}

/** Tries for keys that a throttled table left out: after 50, 100, … ms, about three seconds in total. */
const BATCH_ROUNDS = 7
const FIRST_PAUSE_MS = 50

/**
 * All access to the table: every failure becomes the port's error; a condition that did not hold is returned.
 *
 * @throws UnavailableError, MisconfiguredError, RefusedValueError
 */
export class Table {
  readonly name: string
  readonly client: DynamoDBDocumentClient

  constructor(client: DynamoDBDocumentClient, name: string) {
    this.client = client
    this.name = name
  }

  /** @param written fields of the write, so that a refused value can be reported with its field. */
  call<Answer>(
    what: string,
    send: (client: DynamoDBDocumentClient) => Promise<Answer>,
    written?: Readonly<Record<string, unknown>>,
  ): Promise<Answer> {
    return callAws({ service: 'The table', what, ...(written ? { written } : {}) }, () => send(this.client))
  }

  /** A conditional write. */
  write<Answer extends object>(
    what: string,
    send: (client: DynamoDBDocumentClient) => Promise<Answer>,
    written?: Readonly<Record<string, unknown>>,
  ): Promise<Answer | Refusal> {
    return this.call<Answer | Refusal>(
      what,
      async (client) => {
        try {
          return await send(client)
        } catch (error) {
          if (!(error instanceof ConditionalCheckFailedException)) throw error
          return { refused: true, old: error.Item && unmarshall(error.Item) }
        }
      },
      written,
    )
  }

  /** One row, strongly consistent. */
  async read(what: string, Key: Row): Promise<Row | undefined> {
    const get = new GetCommand({ TableName: this.name, Key, ConsistentRead: true })
    return (await this.call(what, (client) => client.send(get))).Item
  }

  /** A conditional update; when the condition does not hold, the present row is returned. */
  update(what: string, Key: Row, expressions: Omit<UpdateCommandInput, 'TableName' | 'Key'>) {
    const update = new UpdateCommand({
      TableName: this.name,
      Key,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...expressions,
    })
    return this.write(what, (client) => client.send(update))
  }

  /** Up to 100 rows by key, in no order; missing rows are left out. Keys that a throttled table left out are read again. */
  async readMany(keys: readonly Row[], projection: object = {}): Promise<readonly Row[]> {
    const rows: Row[] = []
    let pending = [...keys]
    for (let round = 0; pending.length > 0; round += 1) {
      if (round >= BATCH_ROUNDS) throw new UnavailableError('The table did not answer (batch).')
      if (round > 0) await pause(FIRST_PAUSE_MS * 2 ** (round - 1) * (0.5 + Math.random() / 2))
      const request = { RequestItems: { [this.name]: { ...projection, Keys: pending } } }
      const answer = await this.call('batch', (client) => client.send(new BatchGetCommand(request)))
      rows.push(...(answer.Responses?.[this.name] ?? []))
      pending = answer.UnprocessedKeys?.[this.name]?.Keys ?? []
    }
    return rows
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
