/** Deletion on request. Not in `lambda.ts`, so that only the function that needs it loads it. */
import { ENV } from '../contract.ts'
import { DynamoAuditReader } from '../core/adapters/dynamodb/audit-reader.ts'
import { DynamoDataEraser } from '../core/adapters/dynamodb/data-eraser.ts'
import { createDynamoClient } from '../core/adapters/dynamodb/task-store.ts'
import { S3ObjectEraser } from '../core/adapters/s3/object-eraser.ts'
import { clock, openStore, readConfig } from './lambda.ts'

export function openErasers() {
  const { TABLE_NAME, PAYLOAD_BUCKET } = readConfig([ENV.tableName, ENV.payloadBucket])
  return {
    store: openStore(),
    rows: new DynamoDataEraser(createDynamoClient(), TABLE_NAME),
    objects: new S3ObjectEraser(PAYLOAD_BUCKET),
    clock,
  }
}

export const openAuditReader = () => ({
  audit: new DynamoAuditReader(createDynamoClient(), readConfig([ENV.tableName]).TABLE_NAME, clock.now),
})
