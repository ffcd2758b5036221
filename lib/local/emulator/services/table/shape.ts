/** The declaration of a table, and the keys of its items. */
import { invalidRequest, unsupportedFeature } from './errors.ts'
import { sortableNumber } from './numbers.ts'
import { type Item, ownValue, textOf, typeOf, type Value } from './values.ts'

export interface KeyShape {
  readonly hash: string
  readonly range: string | undefined
}

export interface IndexShape extends KeyShape {
  readonly name: string
  /** Projected attributes in addition to the keys; `ALL` for all. */
  readonly include: 'ALL' | readonly string[]
}

export interface TableShape extends KeyShape {
  readonly name: string
  readonly types: Readonly<Record<string, string>>
  readonly indexes: readonly IndexShape[]
}

interface Element {
  readonly AttributeName: string
  readonly KeyType?: string
  readonly AttributeType?: string
}

/** A request to create a table, and its later description. */
export interface Definition {
  readonly TableName: string
  readonly KeySchema: readonly Element[]
  readonly AttributeDefinitions: readonly Element[]
  readonly GlobalSecondaryIndexes?: readonly {
    readonly IndexName: string
    readonly KeySchema: readonly Element[]
    readonly Projection: { readonly ProjectionType: string; readonly NonKeyAttributes?: readonly string[] }
  }[]
}

const MAX_HASH_BYTES = 2_048
const MAX_RANGE_BYTES = 1_024

/** @throws TableError */
export function toShape({
  TableName,
  KeySchema,
  AttributeDefinitions,
  GlobalSecondaryIndexes = [],
}: Definition): TableShape {
  const types = Object.fromEntries(
    AttributeDefinitions.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType ?? '']),
  )
  const keysOf = (schema: readonly Element[]): KeyShape => {
    const nameOf = (type: string) => schema.find(({ KeyType }) => KeyType === type)?.AttributeName
    const hash = nameOf('HASH')
    if (hash === undefined)
      throw invalidRequest('Invalid KeySchema: a table or index has exactly one HASH key')
    for (const { AttributeName } of schema)
      if (!['S', 'N', 'B'].includes(types[AttributeName] ?? ''))
        throw invalidRequest(
          `One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions: ${AttributeName}`,
        )
    return { hash, range: nameOf('RANGE') }
  }
  const keys = keysOf(KeySchema)
  const indexes = GlobalSecondaryIndexes.map(({ IndexName, KeySchema: schema, Projection }): IndexShape => {
    const own = keysOf(schema)
    const { ProjectionType, NonKeyAttributes = [] } = Projection
    if (!['ALL', 'KEYS_ONLY', 'INCLUDE'].includes(ProjectionType))
      throw unsupportedFeature(`ProjectionType ${ProjectionType}`)
    const names = [own.hash, own.range, keys.hash, keys.range, ...NonKeyAttributes]
    const include =
      ProjectionType === 'ALL' ? 'ALL' : [...new Set(names.filter((name) => name !== undefined))]
    return { ...own, name: IndexName, include }
  })
  return { ...keys, name: TableName, types, indexes }
}

/** A key's value as a text that sorts by bytes as DynamoDB sorts keys. */
export function encodeKey(value: Value): string {
  const type = typeOf(value)
  if (type === 'N') return sortableNumber(textOf(value))
  return type === 'B' ? Buffer.from(textOf(value), 'base64').toString('hex') : textOf(value)
}

/** Partition and sort key of an item, encoded. @throws TableError when they are missing or invalid. */
export function keyOf(shape: TableShape, item: Item): readonly [string, string] {
  const read = (name: string | undefined, limit: number): string => {
    if (name === undefined) return ''
    const value = ownValue(item, name)
    if (!value)
      throw invalidRequest(`One or more parameter values were invalid: Missing the key ${name} in the item`)
    return checkKey(shape, name, value, limit)
  }
  return [read(shape.hash, MAX_HASH_BYTES), read(shape.range, MAX_RANGE_BYTES)]
}

/** The key of a read or delete: exactly the table's key attributes. @throws TableError */
export function checkOnlyKey(shape: TableShape, key: Item): readonly [string, string] {
  const names = [shape.hash, shape.range].filter((name) => name !== undefined)
  if (Object.keys(key).length !== names.length || !names.every((name) => Object.hasOwn(key, name)))
    throw invalidRequest('The provided key element does not match the schema')
  return keyOf(shape, key)
}

function checkKey(shape: TableShape, name: string, value: Value, limit: number): string {
  const type = typeOf(value)
  if (type !== shape.types[name])
    throw invalidRequest(
      `One or more parameter values were invalid: Type mismatch for key ${name} expected: ${shape.types[name]} actual: ${type}`,
    )
  if (type !== 'N' && textOf(value) === '')
    throw invalidRequest(
      `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: ${name}`,
    )
  const bytes = Buffer.byteLength(textOf(value), type === 'B' ? 'base64' : 'utf8')
  if (bytes > limit)
    throw invalidRequest(
      `One or more parameter values were invalid: Size of ${limit === MAX_HASH_BYTES ? 'hashkey' : 'rangekey'} has exceeded the maximum size limit of${limit} bytes`,
    )
  return encodeKey(value)
}

/** An item's key in an index; undefined when it is not in it. @throws TableError for a value that is not allowed as a key. */
export function indexKeyOf(
  shape: TableShape,
  index: IndexShape,
  item: Item,
): readonly [string, string] | undefined {
  const read = (name: string | undefined, limit: number): string | undefined => {
    if (name === undefined) return ''
    const value = ownValue(item, name)
    return value && checkKey(shape, name, value, limit)
  }
  const hash = read(index.hash, MAX_HASH_BYTES)
  const range = read(index.range, MAX_RANGE_BYTES)
  return hash === undefined || range === undefined ? undefined : [hash, range]
}
