import { afterAll } from 'vitest'
import { DynamoCircuitStore } from '../../functions/core/adapters/dynamodb/circuit-store.ts'
import { DynamoLaneStore } from '../../functions/core/adapters/dynamodb/lane-store.ts'
import { DynamoRecentRuns } from '../../functions/core/adapters/dynamodb/recent-runs.ts'
import { DynamoTallyStore } from '../../functions/core/adapters/dynamodb/tally-store.ts'
import { DynamoTextStream } from '../../functions/core/adapters/dynamodb/text-stream.ts'
import { DynamoWaitPlaces } from '../../functions/core/adapters/dynamodb/wait-places.ts'
import { DynamoWorkerSlots } from '../../functions/core/adapters/dynamodb/worker-slots.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { wholeStore } from '../fixtures/whole-store.ts'
import { circuitStoreContract } from './circuit-store.ts'
import { claimWatermarksContract } from './claim-watermarks.ts'
import { dueIndexContract } from './due-index.ts'
import { expiredRowsContract } from './expired-rows.ts'
import { laneStoreContract } from './lane-store.ts'
import { recentRunsContract } from './recent-runs.ts'
import { tallyStoreContract } from './tally-store.ts'
import { taskStoreContract } from './task-store.ts'
import { textStreamContract } from './text-stream.ts'
import { waitPlacesContract } from './wait-places.ts'
import { workerSlotsContract } from './worker-slots.ts'

const local = await startLocalTable()
afterAll(() => local.stop())

let writes = 0
const openWhole = async () => {
  let now = 0
  const table = await local.createTable()
  const store = wholeStore(
    local.documents,
    table,
    () => now,
    () => `write-${++writes}`,
  )
  return { store, setNow: (instant: number) => (now = instant) }
}
taskStoreContract('the local table', openWhole)
dueIndexContract('the local table', openWhole)
expiredRowsContract('the local table', openWhole)
claimWatermarksContract('the local table', openWhole)
tallyStoreContract(
  'the local table',
  async () => new DynamoTallyStore(local.documents, await local.createTable(), () => 0),
)

circuitStoreContract(
  'the local table',
  async () => new DynamoCircuitStore(local.documents, await local.createTable(), () => 0),
)

laneStoreContract(
  'the local table',
  async () => new DynamoLaneStore(local.documents, await local.createTable()),
)

workerSlotsContract(
  'the local table',
  async () => new DynamoWorkerSlots(local.documents, await local.createTable()),
)

recentRunsContract(
  'the local table',
  async () => new DynamoRecentRuns(local.documents, await local.createTable()),
)

waitPlacesContract('the local table', async (places) => {
  const table = await local.createTable()
  return new DynamoWaitPlaces(local.documents, table, places, {
    kind: 'wait',
    random: Math.random,
    token: () => `holder-${++writes}`,
  })
})

textStreamContract(
  'the local table',
  async () => new DynamoTextStream(local.documents, await local.createTable()),
)
