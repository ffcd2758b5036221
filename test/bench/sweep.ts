/**
 * `npm run bench:sweep [tasks]`: this many waiting tasks are due in one second; measures how long the sweeper takes to send
 * them, and its own processor time for each. Table and queue are the local run's, each in its own thread.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { LANES, type Lane } from '../../functions/contract.ts'
import { DynamoClaimWatermarks } from '../../functions/core/adapters/dynamodb/claim-watermarks.ts'
import { DynamoDueIndex } from '../../functions/core/adapters/dynamodb/due-index.ts'
import { toRow } from '../../functions/core/adapters/dynamodb/row.ts'
import { DynamoTaskStore } from '../../functions/core/adapters/dynamodb/task-store.ts'
import { SqsDeadLetters } from '../../functions/core/adapters/sqs/dead-letters.ts'
import { SqsMessageSender } from '../../functions/core/adapters/sqs/message-sender.ts'
import { SqsQueueDepths } from '../../functions/core/adapters/sqs/queue-depths.ts'
import { systemClock } from '../../functions/core/adapters/system/clock.ts'
import { createIds } from '../../functions/core/adapters/system/ids.ts'
import { sweep } from '../../functions/core/application/repair/sweep.ts'
import { SWEEP_CPU_MS, sweepRate } from '../../lib/costs/capacity.ts'
import { startService } from '../../lib/local/emulator/services/service.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import { makeTask } from '../fixtures/make-task.ts'
import { createTaskTable } from '../fixtures/task-table.ts'

const count = Number(process.argv[2] ?? 20_000)
const directory = await mkdtemp(join(tmpdir(), 'sweep-'))
const start = (kind: 'dynamodb' | 'sqs-s3') =>
  startService({ kind, directory, region: 'eu-central-1', keys: { test: 'test' } })
const [tableService, queueService] = await Promise.all([start('dynamodb'), start('sqs-s3')])
const options = (endpoint: string) => ({
  endpoint,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
})
const dynamo = new DynamoDBClient(options(tableService.endpoint))
const documents = DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } })
const sqs = new SQSClient({ ...options(queueService.endpoint), useQueueUrlAsEndpoint: false })

try {
  const table = await createTaskTable(dynamo, 'tasks')
  const createQueue = async (QueueName: string) =>
    (await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl ?? ''
  const urls: Partial<Record<Lane, string>> = {}
  for (const lane of LANES) urls[lane] = await createQueue(lane)
  const deadUrls = Object.fromEntries(LANES.map((lane) => [lane, urls.demo ?? '']))
  const startAt = Date.now() + 30_000
  const parked = (n: number) =>
    toRow(
      makeTask(startAt - 3_600_000, {
        id: `task${String(n).padStart(20, '0')}${(n % 36).toString(36)}${((n * 7) % 31).toString(36)}`,
        status: 'SCHEDULED',
        sends: 0,
        runAt: startAt,
        claimableFrom: startAt,
        dueKind: 'timed',
        dueAt: startAt,
      }),
    )
  for (let from = 0; from < count; from += 25) {
    const Items = Array.from({ length: Math.min(25, count - from) }, (_, n) => ({
      PutRequest: { Item: parked(from + n) },
    }))
    await documents.send(new BatchWriteCommand({ RequestItems: { [table]: Items } }))
  }
  const begun = performance.now()
  const cpu = process.threadCpuUsage()
  const counts = await sweep(
    {
      store: new DynamoTaskStore(documents, table, systemClock.now, createIds(systemClock.now).token),
      dueIndex: new DynamoDueIndex(documents, table),
      watermarks: new DynamoClaimWatermarks(documents, table),
      queue: new SqsMessageSender({ client: sqs, urls }),
      depths: new SqsQueueDepths({ client: sqs, urls }),
      deadLetters: new SqsDeadLetters({ client: sqs, urls: deadUrls }),
      // None of its tasks has a step.
      steps: { list: async () => [] },
      lanes: { paused: async () => new Map() } as never,
      clock: systemClock,
      log: () => undefined,
      retentionDays: 7,
      followUps: {},
      dueItems: {},
    },
    Date.now() + 600_000,
  )
  const seconds = (performance.now() - begun) / 1_000
  const { user, system } = process.threadCpuUsage(cpu)
  const cpuMs = (user + system) / 1_000 / count
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: urls.ai,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed'],
    }),
  )
  const prod = loadStage('prod')
  console.log(
    `${counts.sent} of ${count} tasks of one second sent, ${counts.failed} failed; queue: ${JSON.stringify(Attributes)}`,
  )
  console.log(
    `here: ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second, by one sweeper beside table and queue on the same processors`,
  )
  console.log(
    `the sweeper itself: ${cpuMs.toFixed(2)} ms of processor time a task (capacity counts with ${SWEEP_CPU_MS})`,
  )
  console.log(
    `production: ${prod.sweeper.parts} sweepers of ${prod.sweeper.memoryMb} MB send ${Math.round(sweepRate(prod))} a second: 100,000 in ${Math.ceil(100_000 / sweepRate(prod))} s`,
  )
  if (counts.sent !== count) process.exitCode = 1
} finally {
  dynamo.destroy()
  sqs.destroy()
  await Promise.all([tableService.stop(), queueService.stop()])
  await rm(directory, { recursive: true, force: true })
}
