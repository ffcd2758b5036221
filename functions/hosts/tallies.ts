/** Statistics per tenant, hour and day. Loaded at the first end of a task, so that submits do not load it. */
import { ENV } from '../contract.ts'
import { DynamoTallyStore } from '../core/adapters/dynamodb/tally-store.ts'
import { tallyEnd } from '../core/application/shared/tally-end.ts'
import { clock, openDynamo, readConfig } from './lambda.ts'

let tallies: DynamoTallyStore | undefined

/** One instance per environment, because it knows which marks it must remove. */
export const openTallies = (): DynamoTallyStore => {
  tallies ??= new DynamoTallyStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, clock.now)
  return tallies
}

export const openTallyStep = () => tallyEnd(openTallies())
