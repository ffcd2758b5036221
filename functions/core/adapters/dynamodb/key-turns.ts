import { createHash } from 'node:crypto'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import type { KeyTurnState, KeyTurns } from '../../ports/key-turns.ts'
import type { Row } from './row.ts'
import { Table } from './table.ts'

/** Hashed, because callers choose the key freely, with any length and characters. */
const keyOf = (tenant: string, key: string): Row => ({
  pk: `Q#${encodeURIComponent(tenant)}#${createHash('sha256').update(key).digest('base64url')}`,
  sk: 'turn',
})
const MAX_TRIES = 50
/** Most waiting tasks, 45 bytes each; further ones try again after some time. */
const MAX_WAITING = 1_000
/** Rows that were not written for this long are deleted. */
const KEPT_SECONDS = 40 * 86_400

/** One row per key: the running task, and since when each other task waits. */
export class DynamoKeyTurns implements KeyTurns {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async take(
    tenant: string,
    key: string,
    taskId: string,
    now: number,
    stolen?: string,
  ): Promise<string | undefined> {
    const names = { '#holder': 'holder', '#waiting': 'waiting', '#reapAt': TABLE.ttl }
    const reapAt = Math.floor(now / 1_000) + KEPT_SECONDS
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const taken = await this.#table.update('turn', keyOf(tenant, key), {
        UpdateExpression: 'SET #holder = :me, #reapAt = :reapAt REMOVE #waiting.#me',
        ConditionExpression:
          'attribute_exists(#waiting) AND (attribute_not_exists(#holder) OR #holder = :me OR #holder = :stolen)',
        ExpressionAttributeNames: { ...names, '#me': taskId },
        ExpressionAttributeValues: { ':me': taskId, ':stolen': stolen ?? taskId, ':reapAt': reapAt },
      })
      if (!('refused' in taken)) return undefined
      const row = taken.old ?? (await this.#table.read('read', keyOf(tenant, key)))
      if (!row) {
        await this.#table.update('turn', keyOf(tenant, key), {
          UpdateExpression: 'SET #waiting = :none, #reapAt = :reapAt',
          ConditionExpression: 'attribute_not_exists(pk)',
          ExpressionAttributeNames: { '#waiting': 'waiting', '#reapAt': TABLE.ttl },
          ExpressionAttributeValues: { ':none': {}, ':reapAt': reapAt },
        })
        continue
      }
      const holder = row.holder as string | undefined
      if (holder === undefined) continue
      if (Object.keys(row.waiting as object).length >= MAX_WAITING) return holder
      const stands = await this.#table.update('turn', keyOf(tenant, key), {
        UpdateExpression: 'SET #waiting.#me = if_not_exists(#waiting.#me, :now), #reapAt = :reapAt',
        ConditionExpression: '#holder = :holder',
        ExpressionAttributeNames: { ...names, '#me': taskId },
        ExpressionAttributeValues: { ':now': now, ':holder': holder, ':reapAt': reapAt },
      })
      if (!('refused' in stands)) return holder
    }
    throw new UnavailableError('Too many tasks of one key at once.')
  }

  async leave(tenant: string, key: string, taskId: string): Promise<KeyTurnState> {
    await this.#table.update('turn', keyOf(tenant, key), {
      UpdateExpression: 'REMOVE #holder, #waiting.#me',
      ConditionExpression: '#holder = :me',
      ExpressionAttributeNames: { '#holder': 'holder', '#waiting': 'waiting', '#me': taskId },
      ExpressionAttributeValues: { ':me': taskId },
    })
    await this.#table.update('turn', keyOf(tenant, key), {
      UpdateExpression: 'REMOVE #waiting.#me',
      ConditionExpression: 'attribute_exists(#waiting.#me)',
      ExpressionAttributeNames: { '#waiting': 'waiting', '#me': taskId },
    })
    return this.look(tenant, key)
  }

  async look(tenant: string, key: string): Promise<KeyTurnState> {
    const row = await this.#table.read('read', keyOf(tenant, key))
    const waiting = Object.entries((row?.waiting ?? {}) as Record<string, number>)
    return {
      holder: row?.holder as string | undefined,
      waiting: waiting.sort(([, left], [, right]) => Number(left) - Number(right)).map(([id]) => id),
    }
  }
}
