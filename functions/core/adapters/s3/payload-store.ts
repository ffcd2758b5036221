import { createHash } from 'node:crypto'
import { LIMITS, PAYLOAD_PREFIX } from '../../../contract.ts'
import { BugError } from '../../domain/errors.ts'
import type { Payload, TaskKey } from '../../domain/task.ts'
import type { PayloadStore } from '../../ports/payload-store.ts'
import { callLimits, PAYLOAD_MS } from '../aws/call-limits.ts'
import { callAws } from '../aws/failures.ts'
import { encryptedBy, type TenantKeys } from './tenant-key.ts'

type S3 = typeof import('@aws-sdk/client-s3')

/**
 * The S3 client is imported at the first large payload: it adds 240 kB to the other two clients, and most tasks never need
 * it.
 */
export class S3PayloadStore implements PayloadStore {
  readonly #bucket: string
  readonly #tenantKeys: TenantKeys
  #loaded: Promise<{ sdk: S3; client: InstanceType<S3['S3Client']> }> | undefined

  constructor(bucket: string, tenantKeys: TenantKeys = {}) {
    this.#bucket = bucket
    this.#tenantKeys = tenantKeys
  }

  async keep(
    { tenant, id }: TaskKey,
    part: string,
    json: string,
    inlineBytes: number = LIMITS.inlineBytes,
  ): Promise<Payload> {
    const body = Buffer.from(json)
    const encrypted = encryptedBy(this.#tenantKeys, tenant)
    // Rows are encrypted with the table's key, so a tenant with its own KMS key has all payloads in the bucket.
    if (!encrypted && body.byteLength <= inlineBytes) return { json }
    const key = `${PAYLOAD_PREFIX}${encodeURIComponent(tenant)}/${id}/${part}.json`
    await this.#guard('write', async ({ sdk, client }) =>
      client.send(
        new sdk.PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: body,
          ContentType: 'application/json',
          ...encrypted,
        }),
      ),
    )
    return { key, bytes: body.byteLength, sha256: createHash('sha256').update(body).digest('hex') }
  }

  async read(payload: Payload): Promise<string> {
    if ('json' in payload) return payload.json
    return this.#guard('read', async ({ sdk, client }) => {
      const answer = await client.send(new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: payload.key }))
      return (await answer.Body?.transformToString('utf-8')) ?? ''
    })
  }

  async link(payload: Payload, seconds: number): Promise<string> {
    if ('json' in payload) throw new BugError('What lies in the row has no address.')
    return this.#guard('link', async ({ sdk, client }) => {
      const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
      const command = new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: payload.key })
      return getSignedUrl(client, command, { expiresIn: seconds })
    })
  }

  async remove(payload: Payload): Promise<void> {
    if (!('key' in payload)) return
    await this.#guard('delete', ({ sdk, client }) =>
      client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: payload.key })),
    )
  }

  #load() {
    this.#loaded ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      client: new sdk.S3Client({ maxAttempts: 3, requestHandler: callLimits(PAYLOAD_MS) }),
    }))
    return this.#loaded
  }

  #guard<Answer>(
    what: string,
    call: (loaded: { sdk: S3; client: InstanceType<S3['S3Client']> }) => Promise<Answer>,
  ): Promise<Answer> {
    const attempted = { service: 'The payload bucket', what, isObjectRead: what === 'read' }
    return callAws(attempted, async () => call(await this.#load()))
  }
}
