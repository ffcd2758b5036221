import { afterAll } from 'vitest'
import { DynamoScheduleStore } from '../../functions/core/adapters/dynamodb/schedule-store.ts'
import { DynamoWorkflowStore } from '../../functions/core/adapters/dynamodb/workflow-store.ts'
import { startLocalTable } from '../fixtures/local-table.ts'
import { MemorySchedules } from '../fixtures/memory-schedules.ts'
import { MemoryWorkflows } from '../fixtures/memory-workflows.ts'
import { scheduleStoreContract, workflowStoreContract } from './workflow-store.ts'

const local = await startLocalTable()
afterAll(() => local.stop())
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

workflowStoreContract('the local table', () =>
  withClock(async (now) => new DynamoWorkflowStore(local.documents, await local.createTable(), now, writeId)),
)
workflowStoreContract('memory', () => withClock(async (now) => new MemoryWorkflows(now)))
scheduleStoreContract(
  'the local table',
  async () => new DynamoScheduleStore(local.documents, await local.createTable(), () => 0, writeId),
)
scheduleStoreContract('memory', async () => new MemorySchedules())
