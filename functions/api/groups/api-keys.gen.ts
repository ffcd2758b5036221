// Written by "npm run generate" from the files under functions/api/routes. Do not edit.
import { httpHandler } from '../../hosts/lambda.ts'
import { createKeyRoute } from '../routes/keys/create-key.ts'
import { listKeysRoute } from '../routes/keys/list-keys.ts'
import { revokeKeyRoute } from '../routes/keys/revoke-key.ts'
import { rotateKeyRoute } from '../routes/keys/rotate-key.ts'

export const handler = httpHandler([
  createKeyRoute,
  listKeysRoute,
  revokeKeyRoute,
  rotateKeyRoute,
])
