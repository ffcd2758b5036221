/** PutItem, UpdateItem, DeleteItem, BatchWriteItem: read, check and write without interruption, in a single thread. */
import { applyUpdate } from './change.ts'
import type { Database, Table } from './database.ts'
import { invalidRequest, TableError } from './errors.ts'
import { isConditionMet, type Scope } from './evaluate.ts'
import type { Condition, Parsed } from './expression.ts'
import { parseCondition, parseUpdate } from './parse.ts'
import { checkFields, oneOf, optionalText, type Request, scopeOf } from './request.ts'
import { checkOnlyKey, keyOf } from './shape.ts'
import { checkItem, type Item, itemBytes } from './values.ts'

const MAX_ITEM_BYTES = 400 * 1024
const MAX_WRITES = 25
const CONDITIONAL = [
  'TableName',
  'ConditionExpression',
  'ExpressionAttributeNames',
  'ExpressionAttributeValues',
  'ReturnValues',
  'ReturnValuesOnConditionCheckFailure',
  'ReturnConsumedCapacity',
  'ReturnItemCollectionMetrics',
]

function checkCommon(operation: string, request: Request, own: readonly string[]): void {
  checkFields(operation, request, [...CONDITIONAL, ...own])
  oneOf(request, 'ReturnConsumedCapacity', ['NONE'])
  oneOf(request, 'ReturnItemCollectionMetrics', ['NONE'])
}

/** @throws TableError when the condition does not hold, with the old item if requested. */
function judge(
  request: Request,
  condition: Parsed<Condition> | undefined,
  scope: Scope,
  old: Item | undefined,
): void {
  const gives = oneOf(request, 'ReturnValuesOnConditionCheckFailure', ['NONE', 'ALL_OLD'])
  if (!condition || isConditionMet(condition.tree, old ?? {}, scope)) return
  throw new TableError(
    'ConditionalCheckFailedException',
    'The conditional request failed',
    gives === 'ALL_OLD' && old ? { Item: old } : {},
  )
}

const conditionOf = (request: Request): Parsed<Condition> | undefined => {
  const text = optionalText(request, 'ConditionExpression')
  return text === undefined ? undefined : parseCondition(text)
}

export function putItem(db: Database, request: Request): object {
  checkCommon('PutItem', request, ['Item'])
  const gives = oneOf(request, 'ReturnValues', ['NONE', 'ALL_OLD'])
  const condition = conditionOf(request)
  const scope = scopeOf(request, [condition])
  const { rows } = db.table(request.TableName)
  const item = newItem(request.Item)
  const key = keyOf(rows.shape, item)
  const old = condition || gives === 'ALL_OLD' ? rows.get(key) : undefined
  judge(request, condition, scope, old)
  rows.put(item)
  return gives === 'ALL_OLD' && old ? { Attributes: old } : {}
}

function newItem(given: unknown): Item {
  const item = checkItem(toItem(given))
  if (itemBytes(item) > MAX_ITEM_BYTES)
    throw invalidRequest('Item size has exceeded the maximum allowed size')
  return item
}

function toItem(given: unknown): Item {
  if (given === null || typeof given !== 'object') throw invalidRequest('An item or key must be an object')
  return given as Item
}

export function updateItem(db: Database, request: Request): object {
  checkCommon('UpdateItem', request, ['Key', 'UpdateExpression'])
  const gives = oneOf(request, 'ReturnValues', ['NONE', 'ALL_NEW', 'ALL_OLD'])
  const condition = conditionOf(request)
  const text = optionalText(request, 'UpdateExpression')
  const update = text === undefined ? undefined : parseUpdate(text)
  const scope = scopeOf(request, [condition, update])
  const { rows } = db.table(request.TableName)
  const key = checkItem(toItem(request.Key))
  const place = checkOnlyKey(rows.shape, key)
  const old = rows.get(place)
  judge(request, condition, scope, old)
  const next = update ? applyUpdate(old ?? key, update.tree, scope) : (old ?? key)
  for (const name of Object.keys(key))
    if (JSON.stringify(next[name]) !== JSON.stringify((old ?? key)[name]))
      throw invalidRequest(
        `One or more parameter values were invalid: Cannot update attribute ${name}. This attribute is part of the key`,
      )
  if (itemBytes(next) > MAX_ITEM_BYTES)
    throw invalidRequest('Item size to update has exceeded the maximum allowed size')
  rows.put(next)
  if (gives === 'ALL_NEW') return { Attributes: next }
  return gives === 'ALL_OLD' && old ? { Attributes: old } : {}
}

export function deleteItem(db: Database, request: Request): object {
  checkCommon('DeleteItem', request, ['Key'])
  const gives = oneOf(request, 'ReturnValues', ['NONE', 'ALL_OLD'])
  const condition = conditionOf(request)
  const scope = scopeOf(request, [condition])
  const { rows } = db.table(request.TableName)
  const place = checkOnlyKey(rows.shape, checkItem(toItem(request.Key)))
  const old = rows.get(place)
  judge(request, condition, scope, old)
  if (old) rows.delete(place)
  return gives === 'ALL_OLD' && old ? { Attributes: old } : {}
}

interface BatchWrite {
  readonly PutRequest?: { readonly Item: unknown }
  readonly DeleteRequest?: { readonly Key: unknown }
}

/** All requests are checked before anything is written, as DynamoDB does. */
export function batchWriteItem(db: Database, request: Request): object {
  checkFields('BatchWriteItem', request, [
    'RequestItems',
    'ReturnConsumedCapacity',
    'ReturnItemCollectionMetrics',
  ])
  const tables = Object.entries((request.RequestItems ?? {}) as Record<string, readonly BatchWrite[]>)
  const count = tables.reduce((sum, [, writes]) => sum + writes.length, 0)
  if (count === 0 || count > MAX_WRITES)
    throw invalidRequest(`Member must have length between 1 and ${MAX_WRITES}: ${count} writes`)
  const seen = new Set<string>()
  const acts = tables.flatMap(([name, writes]) => {
    const table = db.table(name)
    return writes.map((write) => {
      const { key, act } = toAct(table, write)
      const place = JSON.stringify([name, ...key])
      if (seen.has(place)) throw invalidRequest('Provided list of item keys contains duplicates')
      seen.add(place)
      return act
    })
  })
  for (const act of acts) act()
  return { UnprocessedItems: {} }
}

function toAct({ rows }: Table, { PutRequest, DeleteRequest }: BatchWrite) {
  if (Boolean(PutRequest) === Boolean(DeleteRequest))
    throw invalidRequest('Supplied AttributeValue has more than one datatypes set, or is no put or delete')
  if (PutRequest) {
    const item = newItem(PutRequest.Item)
    return { key: keyOf(rows.shape, item), act: () => rows.put(item) }
  }
  const key = checkOnlyKey(rows.shape, checkItem(toItem(DeleteRequest?.Key)))
  return { key, act: () => rows.delete(key) }
}
