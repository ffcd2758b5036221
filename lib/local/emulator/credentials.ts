import { randomBytes } from 'node:crypto'
import type { Keys } from './services/signature.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** A secret for one run: only processes that got it from the runtime can call the embedded services. */
export const newCredentials = (): Credentials => ({
  accessKeyId: `LOCAL${randomBytes(8).toString('hex').toUpperCase()}`,
  secretAccessKey: randomBytes(30).toString('base64url'),
})

/** The credentials of this run, and those of the account in `.env`, with which functions then sign all calls. */
export const keysOf = (
  { accessKeyId, secretAccessKey }: Credentials,
  { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }: Readonly<Record<string, string | undefined>>,
): Keys => ({
  [accessKeyId]: secretAccessKey,
  ...(AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY ? { [AWS_ACCESS_KEY_ID]: AWS_SECRET_ACCESS_KEY } : {}),
})
