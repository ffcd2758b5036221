import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, describe, expect, it } from 'vitest'
import { restoreTable } from '../../lib/deploy/restore-table.ts'
import { clientOptions } from '../e2e/backdoor.ts'
import { hasMinistack, ministackEndpoint } from '../fixtures/ministack.ts'
import { createTaskTable } from '../fixtures/task-table.ts'

/**
 * MiniStack restores into another table as DynamoDB does, but always the present state. So the first call, which keeps its table, is
 * made before the loss, and the second call continues it.
 */
describe.skipIf(!hasMinistack)('npm run restore', () => {
  const client = new DynamoDBClient(clientOptions(ministackEndpoint))
  const documents = DynamoDBDocumentClient.from(client)
  afterAll(() => client.destroy())

  it('restores what is gone, keeps what exists, continues where it was stopped, and may be repeated', async () => {
    const table = await createTaskTable(client, `restore-${Date.now()}`)
    const now = Date.now()
    const seconds = Math.floor(now / 1_000)
    const put = (pk: string, state: string, more: object = {}) =>
      documents.send(new PutCommand({ TableName: table, Item: { pk, sk: 'S', state, ...more } }))
    const stateOf = async (pk: string) =>
      (await documents.send(new GetCommand({ TableName: table, Key: { pk, sk: 'S' } }))).Item?.state
    const all = ['T#acme#lost', 'T#acme#there', 'T#acme#expired', 'T#left%20us#lost', 'T#acme#lives']
    const expiry: Record<string, number> = { 'T#acme#expired': seconds - 60, 'T#acme#lives': seconds + 3_600 }
    for (const pk of all) await put(pk, 'old', pk in expiry ? { reapAt: expiry[pk] } : {})
    for (let n = 0; n < 60; n += 1) await put(`T#acme#${n}`, 'old')

    const told: string[] = []
    const order = {
      table,
      at: new Date(now),
      without: ['left us'],
      keepsRestoredTable: true,
      now: () => now,
      tell: (step: string) => told.push(step),
      pollMs: 5,
    }
    expect(await restoreTable(client, order)).toEqual({ copied: 0, kept: 63, left: 2 })
    for (const pk of [...all, ...Array.from({ length: 60 }, (_, n) => `T#acme#${n}`)])
      await documents.send(new DeleteCommand({ TableName: table, Key: { pk, sk: 'S' } }))
    await put('T#acme#there', 'new')

    expect(await restoreTable(client, { ...order, keepsRestoredTable: false })).toEqual({
      copied: 62,
      kept: 1,
      left: 2,
    })
    expect(await Promise.all(all.map(stateOf))).toEqual(['old', 'new', undefined, undefined, 'old'])
    expect(told.map((step) => step.slice(0, 6))).toEqual(Array(2).fill(['1 of 3', '2 of 3', '3 of 3']).flat())
    const { TableNames = [] } = await client.send(new ListTablesCommand({}))
    expect(TableNames.filter((name) => name.startsWith(table))).toEqual([table])
  })

  it('reports the error of AWS for a table that does not exist', async () => {
    const order = {
      table: 'nowhere',
      at: new Date(0),
      without: [],
      keepsRestoredTable: false,
      now: Date.now,
      tell: () => undefined,
    }
    await expect(restoreTable(client, order)).rejects.toThrow('not found')
  })
})
