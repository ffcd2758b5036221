import { afterAll } from 'vitest'
import { DynamoStepStore } from '../../functions/core/adapters/dynamodb/step-store.ts'
import { startDynalite } from '../fixtures/dynalite.ts'
import { MemorySteps } from '../fixtures/memory-steps.ts'
import { stepStoreContract } from './step-store.ts'

const dynalite = await startDynalite()
afterAll(() => dynalite.stop())

stepStoreContract(
  'the table in dynalite',
  async () => new DynamoStepStore(dynalite.documents, await dynalite.createTable()),
)
stepStoreContract('memory', async () => new MemorySteps())
