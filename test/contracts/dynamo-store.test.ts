import { afterAll } from 'vitest'
import { DynamoCircuitStore } from '../../functions/core/adapters/dynamodb/circuit-store.ts'
import { DynamoLaneStore } from '../../functions/core/adapters/dynamodb/lane-store.ts'
import { DynamoTaskStore } from '../../functions/core/adapters/dynamodb/task-store.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { circuitStoreContract } from './circuit-store.ts'
import { laneStoreContract } from './lane-store.ts'
import { taskStoreContract } from './task-store.ts'

const dynalite = await startDynalite()
afterAll(() => dynalite.stop())

let writes = 0
taskStoreContract('the table in dynalite', async () => {
  let now = 0
  const table = await dynalite.createTable()
  const store = new DynamoTaskStore(
    dynalite.documents,
    table,
    () => now,
    () => `write-${++writes}`,
  )
  return { store, setNow: (instant) => (now = instant) }
})

circuitStoreContract(
  'the table in dynalite',
  async () => new DynamoCircuitStore(dynalite.documents, await dynalite.createTable(), () => 0),
)

laneStoreContract(
  'the table in dynalite',
  async () => new DynamoLaneStore(dynalite.documents, await dynalite.createTable()),
)
