/** Creating and checking keys. Not in `lambda.ts`, so that other functions do not load it. */
import { ENV, KEY_PEPPER } from '../contract.ts'
import { DynamoKeyStore } from '../core/adapters/dynamodb/key-store.ts'
import { createDynamoClient } from '../core/adapters/dynamodb/task-store.ts'
import { ParameterKeys } from '../core/adapters/ssm/parameter-keys.ts'
import { createKeyHash } from '../core/adapters/system/key-hash.ts'
import { clock, ids, readConfig } from './lambda.ts'

export function openKeys() {
  const { TABLE_NAME, PARAMETER_PREFIX } = readConfig([ENV.tableName, ENV.parameterPrefix])
  const parameters = new ParameterKeys(PARAMETER_PREFIX, clock.now)
  return {
    keys: new DynamoKeyStore(createDynamoClient(), TABLE_NAME, clock.now, ids.token),
    keyHash: createKeyHash(() => parameters.read(KEY_PEPPER)),
    clock,
    ids,
  }
}
