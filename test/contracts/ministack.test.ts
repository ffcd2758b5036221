import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SQSClient } from '@aws-sdk/client-sqs'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { afterAll, describe } from 'vitest'
import { DynamoCircuitStore } from '../../functions/core/adapters/dynamodb/circuit-store.ts'
import { DynamoLaneStore } from '../../functions/core/adapters/dynamodb/lane-store.ts'
import { DynamoRecentRuns } from '../../functions/core/adapters/dynamodb/recent-runs.ts'
import { DynamoWorkerSlots } from '../../functions/core/adapters/dynamodb/worker-slots.ts'
import { clientOptions } from '../e2e/backdoor.ts'
import { hasMinistack, ministackEndpoint } from '../fixtures/ministack.ts'
import { createTaskTable } from '../fixtures/task-table.ts'
import { wholeStore } from '../fixtures/whole-store.ts'
import { circuitStoreContract } from './circuit-store.ts'
import { claimWatermarksContract } from './claim-watermarks.ts'
import { dueIndexContract } from './due-index.ts'
import { expiredRowsContract } from './expired-rows.ts'
import { laneStoreContract } from './lane-store.ts'
import { recentRunsContract } from './recent-runs.ts'
import { s3PayloadContract } from './s3-bench.ts'
import { sqsQueueContract } from './sqs-bench.ts'
import { taskStoreContract } from './task-store.ts'
import { workerSlotsContract } from './worker-slots.ts'

/** A second DynamoDB and a second SQS, by other authors: what both do is not the peculiarity of one emulator. */
describe.skipIf(!hasMinistack)('MiniStack', () => {
  const options = clientOptions(ministackEndpoint)
  const dynamo = new DynamoDBClient(options)
  const documents = DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } })
  const sqs = new SQSClient({ ...options, useQueueUrlAsEndpoint: false })
  afterAll(() => {
    dynamo.destroy()
    sqs.destroy()
  })
  let tables = 0
  let writes = 0
  const createTable = () => createTaskTable(dynamo, `contract-${++tables}`)

  const openWhole = async () => {
    let now = 0
    const store = wholeStore(
      documents,
      await createTable(),
      () => now,
      () => `write-${++writes}`,
    )
    return { store, setNow: (instant: number) => (now = instant) }
  }
  taskStoreContract('the table in MiniStack', openWhole)
  dueIndexContract('the table in MiniStack', openWhole)
  expiredRowsContract('the table in MiniStack', openWhole)
  claimWatermarksContract('the table in MiniStack', openWhole)
  circuitStoreContract(
    'the table in MiniStack',
    async () => new DynamoCircuitStore(documents, await createTable(), () => 0),
  )
  workerSlotsContract(
    'the table in MiniStack',
    async () => new DynamoWorkerSlots(documents, await createTable()),
  )
  recentRunsContract(
    'the table in MiniStack',
    async () => new DynamoRecentRuns(documents, await createTable()),
  )
  laneStoreContract('the table in MiniStack', async () => new DynamoLaneStore(documents, await createTable()))
  sqsQueueContract('SQS in MiniStack', sqs)
  s3PayloadContract('S3 in MiniStack', ministackEndpoint)
})
