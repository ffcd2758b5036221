import { afterAll } from 'vitest'
import { DynamoScheduleStore } from '../../functions/core/adapters/dynamodb/schedule-store.ts'
import { DynamoWorkflowStore } from '../../functions/core/adapters/dynamodb/workflow-store.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { MemorySchedules } from '../fixtures/memory-schedules.ts'
import { MemoryWorkflows } from '../fixtures/memory-workflows.ts'
import { scheduleStoreContract, workflowStoreContract } from './workflow-store.ts'

const dynalite = await startDynalite()
afterAll(() => dynalite.stop())
let writes = 0
const writeId = () => `write-${++writes}`
const withClock = async <Store>(make: (now: () => number) => Promise<Store>) => {
  let now = 0
  return {
    store: await make(() => now),
    setNow: (instant: number) => {
      now = instant
    },
  }
}

workflowStoreContract('the table in dynalite', () =>
  withClock(
    async (now) => new DynamoWorkflowStore(dynalite.documents, await dynalite.createTable(), now, writeId),
  ),
)
workflowStoreContract('memory', () => withClock(async (now) => new MemoryWorkflows(now)))
scheduleStoreContract(
  'the table in dynalite',
  async () => new DynamoScheduleStore(dynalite.documents, await dynalite.createTable(), () => 0, writeId),
)
scheduleStoreContract('memory', async () => new MemorySchedules())
