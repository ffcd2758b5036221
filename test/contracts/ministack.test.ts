import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SQSClient } from '@aws-sdk/client-sqs'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe } from 'vitest'
import { DynamoCircuitStore } from '../../functions/core/adapters/dynamodb/circuit-store.ts'
import { DynamoTaskStore } from '../../functions/core/adapters/dynamodb/task-store.ts'
import { clientOptions } from '../e2e/backdoor.ts'
import { startMinistack } from '../e2e/emulators/ministack.ts'
import { type Emulator, pythonMissing } from '../e2e/emulators/run-emulator.ts'
import { createTaskTable } from '../fixtures/task-table.ts'
import { circuitStoreContract } from './circuit-store.ts'
import { taskQueueContract } from './task-queue.ts'
import { taskStoreContract } from './task-store.ts'

const missing = await pythonMissing()
if (missing) console.warn(`SKIPPED, the contracts on MiniStack: ${missing}.`)

/** A second DynamoDB and a second SQS, by other authors: what both do alike is not a whim of one emulator. */
describe.skipIf(missing !== undefined)('MiniStack', () => {
  let emulator: Emulator | undefined
  let dynamo: DynamoDBClient
  let documents: DynamoDBDocumentClient
  let sqs: SQSClient
  let tables = 0
  let writes = 0
  const createTable = () => createTaskTable(dynamo, `tasks-${++tables}`)

  beforeAll(async () => {
    emulator = await startMinistack()
    const options = clientOptions(emulator.endpoint)
    dynamo = new DynamoDBClient(options)
    documents = DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } })
    sqs = new SQSClient({ ...options, useQueueUrlAsEndpoint: false })
  }, 180_000)
  afterAll(() => emulator?.stop())

  taskStoreContract('the table in MiniStack', async () => {
    let now = 0
    const store = new DynamoTaskStore(
      documents,
      await createTable(),
      () => now,
      () => `write-${++writes}`,
    )
    return { store, setNow: (instant) => (now = instant) }
  })
  circuitStoreContract(
    'the table in MiniStack',
    async () => new DynamoCircuitStore(documents, await createTable(), () => 0),
  )
  taskQueueContract('SQS in MiniStack', async () => sqs)
})
