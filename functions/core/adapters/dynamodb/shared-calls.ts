import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { TABLE } from '../../../contract.ts'
import type { CallKey, CallLeader, SeenCall, SharedAnswer, SharedCalls } from '../../ports/shared-calls.ts'
import { keyOf, type Row } from './row.ts'
import { Table } from './table.ts'

const callKey = ({ tenant, hash }: CallKey): Row => ({
  pk: `F#${encodeURIComponent(tenant)}#${hash}`,
  sk: 'call',
})
const answerKey = (tenant: string, { id, token }: CallLeader): Row => ({
  ...keyOf({ tenant, id }),
  sk: `ANSWER#${token}`,
})
/** Rows of calls that were not written for this long are deleted. */
const KEPT_SECONDS = 2 * 86_400

export class DynamoSharedCalls implements SharedCalls {
  readonly #table: Table

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#table = new Table(client, table)
  }

  async lead(call: CallKey, me: CallLeader, now: number, instead = me.token): Promise<SeenCall | undefined> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: callKey(call),
      UpdateExpression: 'SET #token = :me, #leader = :leader, #reapAt = :reapAt REMOVE #keptUntil',
      ConditionExpression:
        'attribute_not_exists(#token) OR #token = :me OR #token = :instead OR #keptUntil <= :now',
      ExpressionAttributeNames: {
        '#token': 'token',
        '#leader': 'leader',
        '#keptUntil': 'keptUntil',
        '#reapAt': TABLE.ttl,
      },
      ExpressionAttributeValues: {
        ':me': me.token,
        ':leader': me.id,
        ':instead': instead,
        ':now': now,
        ':reapAt': Math.floor(now / 1_000) + KEPT_SECONDS,
      },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    const answer = await this.#table.write('lead a call', (client) => client.send(update))
    if (!('refused' in answer)) return undefined
    // Not every table implementation returns the old item.
    return answer.old ? toSeen(answer.old) : ((await this.look(call)) ?? this.lead(call, me, now, instead))
  }

  async look(call: CallKey): Promise<SeenCall | undefined> {
    const row = await this.#table.read('read a call', callKey(call))
    return row && toSeen(row)
  }

  // An update, not a put: a worker has no permission to put.
  async answer(tenant: string, leader: CallLeader, answer: SharedAnswer, reapAt: number): Promise<void> {
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: answerKey(tenant, leader),
      UpdateExpression: 'SET #answeredAt = :answeredAt, #value = :value, #reapAt = :reapAt',
      ExpressionAttributeNames: { '#answeredAt': 'answeredAt', '#value': 'value', '#reapAt': TABLE.ttl },
      ExpressionAttributeValues: {
        ':answeredAt': answer.answeredAt,
        ':value': answer.value,
        ':reapAt': reapAt,
      },
    })
    await this.#table.call('keep an answer', (client) => client.send(update), { ...answer })
  }

  async answerOf(tenant: string, leader: CallLeader): Promise<SharedAnswer | undefined> {
    const row = await this.#table.read('read a call', answerKey(tenant, leader))
    return row && { answeredAt: row.answeredAt as number, value: row.value as SharedAnswer['value'] }
  }

  async leave(call: CallKey, me: CallLeader, now: number, keptUntil?: number): Promise<void> {
    const reapAt = Math.floor(Math.max(now, keptUntil ?? 0) / 1_000) + KEPT_SECONDS
    const update = new UpdateCommand({
      TableName: this.#table.name,
      Key: callKey(call),
      ConditionExpression: '#token = :me',
      ...(keptUntil === undefined
        ? {
            UpdateExpression: 'REMOVE #token, #leader, #keptUntil',
            ExpressionAttributeNames: { '#token': 'token', '#leader': 'leader', '#keptUntil': 'keptUntil' },
            ExpressionAttributeValues: { ':me': me.token },
          }
        : {
            UpdateExpression: 'SET #keptUntil = :until, #reapAt = :reapAt',
            ExpressionAttributeNames: { '#token': 'token', '#keptUntil': 'keptUntil', '#reapAt': TABLE.ttl },
            ExpressionAttributeValues: { ':me': me.token, ':until': keptUntil, ':reapAt': reapAt },
          }),
    })
    await this.#table.write('leave a call', (client) => client.send(update))
  }
}

const toSeen = ({ token, leader, keptUntil }: Row): SeenCall | undefined =>
  token === undefined
    ? undefined
    : {
        id: String(leader),
        token: String(token),
        ...(typeof keptUntil === 'number' ? { keptUntil } : {}),
      }
