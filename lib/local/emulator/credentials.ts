import { randomBytes } from 'node:crypto'
import type { Keys } from './services/signature.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** A secret for one run: whoever has not got it from the runtime cannot call the embedded services. */
export const newCredentials = (): Credentials => ({
  accessKeyId: `LOCAL${randomBytes(8).toString('hex').toUpperCase()}`,
  secretAccessKey: randomBytes(30).toString('base64url'),
})

/** This run's, and the account's, with which functions sign everything when `.env` has it. */
export const keysOf = (
  { accessKeyId, secretAccessKey }: Credentials,
  { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }: Readonly<Record<string, string | undefined>>,
): Keys => ({
  [accessKeyId]: secretAccessKey,
  ...(AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY ? { [AWS_ACCESS_KEY_ID]: AWS_SECRET_ACCESS_KEY } : {}),
})
