/** DynamoDB's JSON protocol over tables in SQLite, with the operations that the product uses, and no others. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Database, type Table } from './database.ts'
import { TableError } from './errors.ts'
import { batchGetItem, getItem, query, scan } from './read-operations.ts'
import { checkFields, type Request } from './request.ts'
import type { Definition } from './shape.ts'
import { batchWriteItem, deleteItem, putItem, updateItem } from './write-operations.ts'

const OPERATIONS: Readonly<Record<string, (db: Database, request: Request) => object>> = {
  PutItem: putItem,
  UpdateItem: updateItem,
  DeleteItem: deleteItem,
  BatchWriteItem: batchWriteItem,
  GetItem: getItem,
  BatchGetItem: batchGetItem,
  Query: query,
  Scan: scan,
  CreateTable: createTable,
  DescribeTable: (db, { TableName }) => ({ Table: describe(db.table(TableName)) }),
  DeleteTable: (db, { TableName }) => ({
    TableDescription: describe(db.drop(String(TableName)), 'DELETING'),
  }),
  ListTables: (db) => ({ TableNames: db.names }),
}
const MAX_BODY_BYTES = 16 * 1024 * 1024

export interface TableServer {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  readonly close: () => void
}

/** @param path of the file; `:memory:` for none. @throws Error that names a damaged file. */
export function openTableServer(path: string): TableServer {
  const db = new Database(path)
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { status, body } = run(db, request, await readBody(request))
    const text = JSON.stringify(body)
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.0',
      'content-length': Buffer.byteLength(text),
      'x-amzn-requestid': randomUUID(),
    })
    response.end(text)
  }
  return {
    handle: (request, response) => void answer(request, response).catch(() => response.destroy()),
    close: () => db.close(),
  }
}

function run(db: Database, request: IncomingMessage, text: string | undefined) {
  try {
    if (text === undefined) throw new TableError('RequestEntityTooLargeException', 'The request is too large')
    const [service, name = ''] = String(request.headers['x-amz-target'] ?? '').split('.')
    const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined
    if (service !== 'DynamoDB_20120810' || !operation)
      throw new TableError(
        'UnknownOperationException',
        `${name || 'No operation'} is not known to the local table`,
      )
    return { status: 200, body: operation(db, parse(text)) }
  } catch (cause) {
    if (cause instanceof TableError)
      return {
        status: 400,
        body: {
          __type: `com.amazonaws.dynamodb.v20120810#${cause.type}`,
          message: cause.message,
          ...cause.extra,
        },
      }
    // A full disk, or a bug in this table: the caller may try again.
    return {
      status: 500,
      body: {
        __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError',
        message: (cause as Error).message,
      },
    }
  }
}

function parse(text: string): Request {
  try {
    const request: unknown = JSON.parse(text)
    if (request !== null && typeof request === 'object') return request as Request
  } catch {
    // Reported below.
  }
  throw new TableError('SerializationException', 'The request is no JSON object')
}

/** @returns undefined for a body that is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > MAX_BODY_BYTES) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function createTable(db: Database, request: Request): object {
  const known = ['TableName', 'KeySchema', 'AttributeDefinitions', 'GlobalSecondaryIndexes', 'BillingMode']
  checkFields('CreateTable', request, known)
  return { TableDescription: describe(db.create(request as unknown as Definition, Date.now())) }
}

function describe({ definition, createdAt, rows }: Table, TableStatus = 'ACTIVE'): object {
  const { TableName, KeySchema, AttributeDefinitions, GlobalSecondaryIndexes } = definition
  return {
    TableName,
    KeySchema,
    AttributeDefinitions,
    TableStatus,
    CreationDateTime: createdAt / 1_000,
    ItemCount: TableStatus === 'ACTIVE' ? rows.count() : 0,
    BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    TableArn: `arn:aws:dynamodb:local:000000000000:table/${TableName}`,
    ...(GlobalSecondaryIndexes
      ? {
          GlobalSecondaryIndexes: GlobalSecondaryIndexes.map((index) => ({
            ...index,
            IndexStatus: 'ACTIVE',
          })),
        }
      : {}),
  }
}
