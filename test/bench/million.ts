/**
 * `npm run bench:million [rows]`: what operators and timers do with a million rows of one tenant in the local table, through
 * the product's own use cases: pages of lists, due rows, a redrive of all failed tasks by its cursor, the daily cleanup in its
 * parts.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { QUIET_LOGGER } from '../../functions/core/adapters/aws/quiet-logger.ts'
import { DynamoDueIndex } from '../../functions/core/adapters/dynamodb/due-index.ts'
import { DynamoExpiredRows } from '../../functions/core/adapters/dynamodb/expired-rows.ts'
import { toRow } from '../../functions/core/adapters/dynamodb/row.ts'
import { DynamoTaskStore } from '../../functions/core/adapters/dynamodb/task-store.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'
import { createIds } from '../../functions/core/adapters/system/ids.ts'
import { redriveLane } from '../../functions/core/application/operate/redrive-lane.ts'
import { cleanUp } from '../../functions/core/application/repair/clean-up.ts'
import type { Task } from '../../functions/core/domain/task.ts'
import { startService } from '../../lib/local/emulator/services/service.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { MemoryQueue } from '../fixtures/memory-queue.ts'
import { createTaskTable } from '../fixtures/task-table.ts'

const ROWS = Number(process.argv[2] ?? 1_000_000)
const [ROUNDS, WRITERS] = [20, 4]
/** How long one call works: `POST /queues/{lane}/redrive` 20 s, the cleanup two minutes. */
const [REDRIVE_MS, CLEANUP_MS] = [20_000, 120_000]

const directory = await mkdtemp(join(tmpdir(), 'million-'))
const region = 'eu-central-1'
const service = await startService({ kind: 'dynamodb', directory, region, keys: { test: 'test' } })
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const dynamo = new DynamoDBClient({ endpoint: service.endpoint, region, credentials, logger: QUIET_LOGGER })
const documents = DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } })
const ids = createIds(systemClock.now)
const since = (begun: number) => (performance.now() - begun) / 1_000
const say = (what: string, says: string) => console.log(`${what.padEnd(34)}${says}`)

try {
  const table = await createTaskTable(dynamo, 'tasks')
  const store = new DynamoTaskStore(documents, table, systemClock.now, ids.token)
  const begun = performance.now()
  await fill(table)
  say(`${ROWS.toLocaleString('en')} rows`, `${since(begun).toFixed(0)} s to write`)
  const dueIndex = new DynamoDueIndex(documents, table)
  const list = (filter: object) => () => store.list('acme', filter, 50)
  await timed('list: first page', list({}))
  await timed('list: the oldest', list({ createdBefore: Date.now() - 86_400_000 + 60_000 }))
  await timed('list: FAILED', list({ status: 'FAILED' }))
  await timed('list: PROCESSING', list({ status: 'PROCESSING' }))
  await timed('list: a type that none has', list({ type: 'not.there' }))
  await timed('due: the oldest of each shard', () => dueIndex.first('timed', 200))
  await timed('open tasks counted', () => store.countOpen('acme'))
  await redriveAll(store, true)
  await redriveAll(store, false)
  await cleanAll(table)
} finally {
  dynamo.destroy()
  await service.stop()
  await rm(directory, { recursive: true, force: true })
}

/** Ten run, one in a hundred has failed, one in fifty has expired, the others have completed; all within a day. */
function rowOf(n: number): Task {
  const createdAt = Date.now() - 86_400_000 + Math.floor((n * 86_000_000) / ROWS)
  const made = makeTask(createdAt, { id: ids.taskId(), status: 'COMPLETED', result: { json: '1' } })
  const { dueAt: _dueAt, dueKind: _dueKind, ...done } = { ...made, finishedAt: createdAt + 1_000 }
  if (n < 10) return { ...done, status: 'PROCESSING', dueKind: 'timed', dueAt: Date.now() + 3_600_000 }
  if (n % 100 === 0)
    return {
      ...done,
      status: 'FAILED',
      error: { code: 'provider_unauthorized', message: 'No.', retryable: false },
    }
  const over = Math.floor(createdAt / 1_000)
  return n % 50 === 1 ? { ...done, ttl: over, reapAt: over + 259_200 } : done
}

async function fill(table: string): Promise<void> {
  let next = 0
  const write = async () => {
    while (next < ROWS) {
      const from = next
      next += 25
      const Items = Array.from({ length: Math.min(25, ROWS - from) }, (_, n) => ({
        PutRequest: { Item: toRow(rowOf(from + n)) },
      }))
      await documents.send(new BatchWriteCommand({ RequestItems: { [table]: Items } }))
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, write))
}

async function timed(what: string, call: () => Promise<unknown>): Promise<void> {
  await call()
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const at = performance.now()
    await call()
    times.push(performance.now() - at)
  }
  const sorted = times.toSorted((left, right) => left - right)
  say(what, `${sorted[ROUNDS / 2]?.toFixed(1)} ms, slowest ${sorted.at(-1)?.toFixed(1)}`)
}

/** As the command line does: call after call, each from where the last one stopped. */
async function redriveAll(store: DynamoTaskStore, isDryRun: boolean): Promise<void> {
  const queue = new MemoryQueue(systemClock.now)
  const failedBefore = Date.now()
  const begun = performance.now()
  let [calls, done] = [0, 0]
  let cursor: string | undefined
  do {
    const request = { tenant: 'acme', lane: 'ai' as const, failedBefore, isDryRun, limit: 5_000 }
    const answer = await redriveLane(
      { store, queue, deadLetters: queue, clock: systemClock, log: () => undefined, followUps: {} },
      { ...request, ...(cursor === undefined ? {} : { cursor }) },
      Date.now() + REDRIVE_MS,
    )
    calls += 1
    done += isDryRun ? answer.matched : answer.redriven
    cursor = answer.isComplete ? undefined : answer.cursor
  } while (cursor !== undefined)
  const rate = Math.round(done / since(begun))
  say(
    isDryRun ? 'redrive: dry run' : 'redrive',
    `${done} in ${calls} calls, ${since(begun).toFixed(1)} s, ${rate} a second`,
  )
}

async function cleanAll(table: string): Promise<void> {
  const rows = new DynamoExpiredRows(documents, table, systemClock.now)
  const begun = performance.now()
  let [slices, tasks] = [0, 0]
  for (let isComplete = false; !isComplete; ) {
    const nothing = async () => undefined
    const answer = await cleanUp(
      {
        rows,
        payloads: { remove: nothing } as never,
        steps: { removeAll: async () => [] } as never,
        files: { removeUpload: nothing },
        clock: systemClock,
        log: () => undefined,
      },
      Date.now() + CLEANUP_MS,
    )
    slices += 1
    tasks += answer.tasks
    isComplete = answer.isComplete
  }
  say(
    'cleanup',
    `${tasks} rows of ${ROWS} deleted in ${slices} slices, ${since(begun).toFixed(1)} s for the whole walk`,
  )
}
