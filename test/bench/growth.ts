/**
 * `npm run bench:growth`: the time of each call that reads a tenant's tasks, with 1,000, 10,000 and 100,000 rows in the local
 * table, through the product's own adapters: median of 20 calls and the slowest. The rows are written directly to the table.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { QUIET_LOGGER } from '../../functions/core/adapters/aws/quiet-logger.ts'
import { DynamoDueIndex } from '../../functions/core/adapters/dynamodb/due-index.ts'
import { toRow } from '../../functions/core/adapters/dynamodb/row.ts'
import { DynamoTallyStore } from '../../functions/core/adapters/dynamodb/tally-store.ts'
import { DynamoTaskStore } from '../../functions/core/adapters/dynamodb/task-store.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'
import { createIds } from '../../functions/core/adapters/system/ids.ts'
import { readTaskStats, readUsageStats } from '../../functions/core/application/operate/read-stats.ts'
import { startService } from '../../lib/local/emulator/services/service.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { createTaskTable } from '../fixtures/task-table.ts'

const SIZES = (process.argv[2] ?? '1000,10000,100000').split(',').map(Number)
const ROUNDS = 20
const LINES = [
  'POST: create',
  'GET: one task',
  'list: first page',
  'list: a page in the middle',
  'list: COMPLETED',
  'list: FAILED, one in a hundred',
  'list: EXPIRED, none',
  'list: PROCESSING, ten',
  'list: a type that none has',
  'queues: the oldest of each lane',
  'stats: 24 hours',
  'stats: 30 days',
  'usage: 24 hours',
  'usage: 30 days',
]
/** The counts in a tenant's hours and days: of each type and model, in each partition. */
const [TYPES, MODELS, DAYS] = [['text.generate', 'data.analyze', 'image.describe'], ['a', 'b'], 31]

const directory = await mkdtemp(join(tmpdir(), 'growth-'))
const service = await startService({
  kind: 'dynamodb',
  directory,
  region: 'eu-central-1',
  keys: { test: 'test' },
})
const dynamo = new DynamoDBClient({
  endpoint: service.endpoint,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  // As in the functions' own client.
  logger: QUIET_LOGGER,
})
const documents = DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } })
const ids = createIds(systemClock.now)
const results = new Map<string, string[]>(LINES.map((line) => [line, []]))

try {
  const table = await createTaskTable(dynamo, 'tasks')
  const store = new DynamoTaskStore(documents, table, systemClock.now, ids.token)
  const dueIndex = new DynamoDueIndex(documents, table)
  const begun = Date.now() - 86_400_000
  const now = Date.now()
  /** Ten run, one in a hundred has failed, the others have completed. */
  const rowOf = (n: number) => {
    const id = ids.taskId()
    const createdAt = begun + n * 100
    const {
      dueAt: _dueAt,
      dueKind: _dueKind,
      ...done
    } = makeTask(createdAt, { id, status: 'COMPLETED', result: { json: '1' } })
    if (n < 10)
      return { ...done, status: 'PROCESSING' as const, dueKind: 'timed' as const, dueAt: now + 30_000 }
    return n % 100 === 0 ? { ...done, status: 'FAILED' as const } : done
  }
  const tallies = new DynamoTallyStore(documents, table, systemClock.now)
  await fillTallies(table)
  const survey = (hours: number) => () => readTaskStats({ store, tallies, clock: systemClock }, 'acme', hours)
  const usage = (hours: number) => () => readUsageStats({ tallies, clock: systemClock }, 'acme', hours)
  let rows = 0
  let middle = { tenant: 'acme', id: '' }
  let cursor: string | undefined
  for (const size of SIZES) {
    while (rows < size) {
      const tasks = Array.from({ length: Math.min(25, size - rows) }, (_, n) => rowOf(rows + n))
      const Items = tasks.map((task) => ({ PutRequest: { Item: toRow(task) } }))
      await documents.send(new BatchWriteCommand({ RequestItems: { [table]: Items } }))
      rows += tasks.length
      const last = tasks.at(-1)
      if (last && rows <= size / 2) {
        middle = { tenant: 'acme', id: last.id }
        cursor = `${String(last.createdAt).padStart(14, '0')}#${last.id}`
      }
    }
    const list = (filter: object, from?: string) => () => store.list('acme', filter, 50, from)
    const calls: (() => Promise<unknown>)[] = [
      () => store.create(makeTask(now, { id: ids.taskId(), tenant: 'other' })),
      () => store.get(middle),
      list({}),
      list({}, cursor),
      list({ status: 'COMPLETED' }),
      list({ status: 'FAILED' }),
      list({ status: 'EXPIRED' }),
      list({ status: 'PROCESSING' }),
      list({ type: 'not.there' }),
      () => dueIndex.first('queued', 200),
      survey(24),
      survey(30 * 24),
      usage(24),
      usage(30 * 24),
    ]
    for (const [index, call] of calls.entries()) results.get(LINES[index] ?? '')?.push(await timed(call))
  }
  console.log(`| ms, median / slowest of ${ROUNDS} | ${SIZES.map((size) => `${size} rows`).join(' | ')} |`)
  console.log(`| --- |${' --- |'.repeat(SIZES.length)}`)
  for (const [line, cells] of results) console.log(`| ${line} | ${cells.join(' | ')} |`)
} finally {
  dynamo.destroy()
  await service.stop()
  await rm(directory, { recursive: true, force: true })
}

/** The rows that some hundred thousand ended tasks produce: every type and model in every hour. */
async function fillTallies(table: string): Promise<void> {
  const now = Date.now()
  const buckets = Object.fromEntries(
    // Run times of one model are within some 28 buckets.
    Array.from({ length: 28 }, (_, n) => [`r${80 + n}`, n]).concat(
      Array.from({ length: 15 }, (_, n) => [`w${20 + n}`, n]),
    ),
  )
  const hours = Array.from(
    { length: 48 },
    (_, n) => `hour#${new Date(now - n * 3_600_000).toISOString().slice(0, 13)}`,
  )
  const days = Array.from(
    { length: DAYS },
    (_, n) => `day#${new Date(now - n * 86_400_000).toISOString().slice(0, 10)}`,
  )
  const Items = [...hours, ...days].flatMap((start) =>
    TYPES.flatMap((type) =>
      MODELS.flatMap((model) =>
        [0, 1, 2, 3].map((shard) => ({
          PutRequest: {
            Item: {
              pk: `C#acme#${shard}`,
              sk: `${start}#${type}#${model}`,
              ...{ type, model, provider: 'simulated', COMPLETED: 900, FAILED: 9, users: 909 },
              ...{ inputTokens: 90_000, outputTokens: 90_000, costMicroUsd: 9_000, ...buckets },
            },
          },
        })),
      ),
    ),
  )
  for (let start = 0; start < Items.length; start += 25)
    await documents.send(new BatchWriteCommand({ RequestItems: { [table]: Items.slice(start, start + 25) } }))
}

async function timed(call: () => Promise<unknown>): Promise<string> {
  await call()
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now()
    await call()
    times.push(performance.now() - startedAt)
  }
  const sorted = times.toSorted((left, right) => left - right)
  return `${sorted[ROUNDS / 2]?.toFixed(1)} / ${sorted.at(-1)?.toFixed(1)}`
}
