/** GetItem, BatchGetItem, Query and Scan. */
import { applyProjection } from './change.ts'
import type { Database, Table } from './database.ts'
import { invalidRequest } from './errors.ts'
import { isConditionMet, type Scope } from './evaluate.ts'
import type { Condition, Parsed, Path } from './expression.ts'
import { toKeyCondition } from './key-condition.ts'
import { parseCondition, parseProjection } from './parse.ts'
import { checkFields, oneOf, optionalText, type Request, scopeOf } from './request.ts'
import type { RowPosition } from './rows.ts'
import { checkOnlyKey, encodeKey, type IndexShape, type TableShape } from './shape.ts'
import { checkItem, type Item, itemBytes, ownValue, setOwn } from './values.ts'

const MAX_PAGE_BYTES = 1024 * 1024
const MAX_BATCH_BYTES = 16 * 1024 * 1024
const MAX_KEYS = 100

const projectionOf = (request: Request): Parsed<readonly Path[]> | undefined => {
  const text = optionalText(request, 'ProjectionExpression')
  return text === undefined ? undefined : parseProjection(text)
}

export function getItem(db: Database, request: Request): object {
  checkFields('GetItem', request, [
    'TableName',
    'Key',
    'ConsistentRead',
    'ProjectionExpression',
    'ExpressionAttributeNames',
    'ReturnConsumedCapacity',
  ])
  oneOf(request, 'ReturnConsumedCapacity', ['NONE'])
  const projection = projectionOf(request)
  const scope = scopeOf(request, [projection])
  const { rows } = db.table(request.TableName)
  const item = rows.get(checkOnlyKey(rows.shape, checkItem((request.Key ?? {}) as Item)))
  if (!item) return {}
  return { Item: projection ? applyProjection(item, projection.tree, scope) : item }
}

export function batchGetItem(db: Database, request: Request): object {
  checkFields('BatchGetItem', request, ['RequestItems', 'ReturnConsumedCapacity'])
  const asked = Object.entries((request.RequestItems ?? {}) as Record<string, Request>)
  const count = asked.reduce((sum, [, { Keys }]) => sum + (Keys as readonly Item[]).length, 0)
  if (count === 0 || count > MAX_KEYS)
    throw invalidRequest(`Too many items requested for the BatchGetItem call: ${count}, at most ${MAX_KEYS}`)
  const Responses: Record<string, Item[]> = {}
  const UnprocessedKeys: Record<string, object> = {}
  let bytes = 0
  for (const [name, one] of asked) {
    checkFields('BatchGetItem', one, [
      'Keys',
      'ConsistentRead',
      'ProjectionExpression',
      'ExpressionAttributeNames',
    ])
    const projection = projectionOf(one)
    const scope = scopeOf(one, [projection])
    const { rows } = db.table(name)
    const keys = (one.Keys as readonly Item[]).map((key) => ({
      key,
      place: checkOnlyKey(rows.shape, checkItem(key)),
    }))
    if (new Set(keys.map(({ place }) => JSON.stringify(place))).size < keys.length)
      throw invalidRequest('Provided list of item keys contains duplicates')
    const found: Item[] = []
    const left: Item[] = []
    for (const { key, place } of keys) {
      const item = bytes < MAX_BATCH_BYTES ? rows.get(place) : undefined
      if (bytes >= MAX_BATCH_BYTES) left.push(key)
      if (!item) continue
      bytes += itemBytes(item)
      found.push(projection ? applyProjection(item, projection.tree, scope) : item)
    }
    Responses[name] = found
    if (left.length > 0) UnprocessedKeys[name] = { ...one, Keys: left }
  }
  return { Responses, UnprocessedKeys }
}

const PAGED = [
  'TableName',
  'IndexName',
  'FilterExpression',
  'ProjectionExpression',
  'ExpressionAttributeNames',
  'ExpressionAttributeValues',
  'ExclusiveStartKey',
  'Limit',
  'Select',
  'ConsistentRead',
  'ReturnConsumedCapacity',
]

export function query(db: Database, request: Request): object {
  checkFields('Query', request, [...PAGED, 'KeyConditionExpression', 'ScanIndexForward'])
  const text = optionalText(request, 'KeyConditionExpression')
  if (text === undefined)
    throw invalidRequest(
      'Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.',
    )
  const keys = parseCondition(text, 'KeyConditionExpression')
  const reading = prepare(db, request, [keys])
  const { table, index, scope, filter } = reading
  const shape = index?.shape ?? table.rows.shape
  const used = filter && [...filter.bare, ...[...filter.names].map((name) => scope.names[name])]
  if (used?.some((name) => name === shape.hash || name === shape.range))
    throw invalidRequest('Filter Expression can only contain non-primary key attributes')
  const { hash, bounds } = toKeyCondition(keys.tree, shape, table.rows.shape, scope)
  const isForward = request.ScanIndexForward !== false
  // A range continues from the sort key of the last place, in the same partition.
  const after = reading.after?.slice(1)
  return page(reading, request, table.rows.range({ index: index?.at, hash, bounds, isForward, after }))
}

export function scan(db: Database, request: Request): object {
  checkFields('Scan', request, PAGED)
  const reading = prepare(db, request, [])
  return page(reading, request, reading.table.rows.all(reading.index?.at, reading.after))
}

interface ReadPlan {
  readonly table: Table
  readonly index: { readonly at: number; readonly shape: IndexShape } | undefined
  readonly filter: Parsed<Condition> | undefined
  readonly projection: Parsed<readonly Path[]> | undefined
  readonly scope: Scope
  readonly after: RowPosition | undefined
}

function prepare(db: Database, request: Request, others: readonly Parsed<unknown>[]): ReadPlan {
  oneOf(request, 'ReturnConsumedCapacity', ['NONE'])
  const text = optionalText(request, 'FilterExpression')
  const filter = text === undefined ? undefined : parseCondition(text, 'FilterExpression')
  const projection = projectionOf(request)
  const scope = scopeOf(request, [filter, projection, ...others])
  const table = db.table(request.TableName)
  const index = indexOf(table.rows.shape, request)
  const limit = request.Limit
  if (limit !== undefined && !(Number.isInteger(limit) && (limit as number) > 0))
    throw invalidRequest(`Limit must be a whole number of at least 1, not ${JSON.stringify(limit)}`)
  const start = request.ExclusiveStartKey as Item | undefined
  return {
    table,
    index,
    filter,
    projection,
    scope,
    after: start && placeOf(table.rows.shape, index?.shape, checkItem(start)),
  }
}

function indexOf(shape: TableShape, request: Request): ReadPlan['index'] {
  const name = optionalText(request, 'IndexName')
  if (name === undefined) return undefined
  const at = shape.indexes.findIndex((one) => one.name === name)
  const found = shape.indexes[at]
  if (!found) throw invalidRequest(`The table does not have the specified index: ${name}`)
  if (request.ConsistentRead === true)
    throw invalidRequest('Consistent reads are not supported on global secondary indexes')
  return { at, shape: found }
}

const keyNames = (shape: TableShape, index: IndexShape | undefined): readonly string[] =>
  [...(index ? [index.hash, index.range] : []), shape.hash, shape.range].filter((name) => name !== undefined)

/** Where a page continues: the encoded keys; a missing sort key is stored as an empty text. */
function placeOf(shape: TableShape, index: IndexShape | undefined, start: Item): RowPosition {
  const names = keyNames(shape, index)
  if (Object.keys(start).length !== new Set(names).size || !names.every((name) => Object.hasOwn(start, name)))
    throw invalidRequest('The provided starting key is invalid')
  const encode = (name: string | undefined) =>
    name === undefined ? '' : encodeKey(ownValue(start, name) as never)
  return [
    ...(index ? [encode(index.hash), encode(index.range)] : []),
    encode(shape.hash),
    encode(shape.range),
  ]
}

function page(
  { table, index, filter, projection, scope }: ReadPlan,
  request: Request,
  items: Iterable<Item>,
): object {
  const isCount =
    oneOf(request, 'Select', [
      'ALL_ATTRIBUTES',
      'ALL_PROJECTED_ATTRIBUTES',
      'SPECIFIC_ATTRIBUTES',
      'COUNT',
    ]) === 'COUNT'
  const limit = (request.Limit as number | undefined) ?? Number.POSITIVE_INFINITY
  const found: Item[] = []
  let scanned = 0
  let bytes = 0
  let last: Item | undefined
  for (const whole of items) {
    const item = index ? ofIndex(whole, index.shape) : whole
    scanned += 1
    bytes += itemBytes(item)
    if (!filter || isConditionMet(filter.tree, item, scope))
      found.push(projection ? applyProjection(item, projection.tree, scope) : item)
    if (scanned < limit && bytes < MAX_PAGE_BYTES) continue
    last = whole
    break
  }
  const next: Item = {}
  if (last)
    for (const name of keyNames(table.rows.shape, index?.shape))
      setOwn(next, name, ownValue(last, name) as never)
  return {
    ...(isCount ? {} : { Items: found }),
    Count: found.length,
    ScannedCount: scanned,
    ...(last ? { LastEvaluatedKey: next } : {}),
  }
}

function ofIndex(item: Item, { include }: IndexShape): Item {
  if (include === 'ALL') return item
  const entry: Item = {}
  for (const name of include) {
    const value = ownValue(item, name)
    if (value) setOwn(entry, name, value)
  }
  return entry
}
