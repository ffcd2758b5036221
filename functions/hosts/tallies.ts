/** The counts of tenants' hours and days. Apart, and loaded by the first end: who only submits carries none of it. */
import { ENV } from '../contract.ts'
import { DynamoTallyStore } from '../core/adapters/dynamodb/tally-store.ts'
import { tallyEnd } from '../core/application/shared/tally-end.ts'
import { clock, openDynamo, readConfig } from './lambda.ts'

let tallies: DynamoTallyStore | undefined

/** One per environment: it remembers what it added, to take the marks away again. */
export const openTallies = (): DynamoTallyStore => {
  tallies ??= new DynamoTallyStore(openDynamo(), readConfig([ENV.tableName]).TABLE_NAME, clock.now)
  return tallies
}

export const openTallyStep = () => tallyEnd(openTallies())
