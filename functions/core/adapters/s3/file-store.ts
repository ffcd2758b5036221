import { PAYLOAD_PREFIX } from '../../../contract.ts'
import { MissingError } from '../../domain/errors.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { FileStore } from '../../ports/file-store.ts'
import { callLimits } from '../aws/call-limits.ts'
import { callAws } from '../aws/failures.ts'
import { encryptedBy, type TenantKeys } from './tenant-key.ts'

type S3 = typeof import('@aws-sdk/client-s3')
interface LoadedSdk {
  readonly sdk: S3
  readonly client: InstanceType<S3['S3Client']>
}

/** Reading 100 MB from S3 takes some seconds; a longer transfer ends at the attempt's deadline. */
const TRANSFER_MS = 60_000

const folderOf = ({ tenant, id }: TaskKey) => `${PAYLOAD_PREFIX}${encodeURIComponent(tenant)}/${id}`
/** Under the prefix of payloads, so that the same permissions and the same lifecycle rule apply. */
const uploadObjectOf = (key: TaskKey): string => `${folderOf(key)}/upload`
const fileObjectOf = (key: TaskKey, file: string): string => `${folderOf(key)}/${file}`

/** The S3 client is imported at the first use of a file, as in `payload-store.ts`. */
export class S3FileStore implements FileStore {
  readonly #bucket: string
  readonly #tenantKeys: TenantKeys
  #loaded: Promise<LoadedSdk> | undefined

  constructor(bucket: string, tenantKeys: TenantKeys = {}) {
    this.#bucket = bucket
    this.#tenantKeys = tenantKeys
  }

  uploadLink(
    key: TaskKey,
    { contentType, bytes }: { readonly contentType: string; readonly bytes: number },
    seconds: number,
  ) {
    return this.#call('link', async ({ sdk, client }) => {
      const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
      const encrypted = encryptedBy(this.#tenantKeys, key.tenant)
      const command = new sdk.PutObjectCommand({
        Bucket: this.#bucket,
        Key: uploadObjectOf(key),
        ContentType: contentType,
        ContentLength: bytes,
        ...encrypted,
      })
      const headers: Record<string, string> = {
        'content-type': contentType,
        'content-length': String(bytes),
        ...(encrypted
          ? {
              'x-amz-server-side-encryption': encrypted.ServerSideEncryption,
              'x-amz-server-side-encryption-aws-kms-key-id': encrypted.SSEKMSKeyId,
              'x-amz-server-side-encryption-bucket-key-enabled': 'true',
            }
          : {}),
      }
      // Signed, so that S3 refuses any other type, key or length.
      const signableHeaders = new Set(['host', ...Object.keys(headers)])
      const url = await getSignedUrl(client, command, { expiresIn: seconds, signableHeaders })
      return { url, headers }
    })
  }

  async peek(key: TaskKey, bytes: number) {
    try {
      return await this.#call('read', async ({ sdk, client }) => {
        const Range = `bytes=0-${bytes - 1}`
        const get = new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: uploadObjectOf(key), Range })
        const { Body, ContentRange, ContentLength = 0 } = await client.send(get)
        const total = Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1] ?? ContentLength)
        return { bytes: total, head: (await Body?.transformToByteArray()) ?? new Uint8Array() }
      })
    } catch (error) {
      if (error instanceof MissingError) return undefined
      throw error
    }
  }

  readUpload(key: TaskKey): Promise<Uint8Array> {
    return this.#get(uploadObjectOf(key))
  }

  async removeUpload(key: TaskKey): Promise<void> {
    await this.#call('delete', ({ sdk, client }) =>
      client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: uploadObjectOf(key) })),
    )
  }

  async write(key: TaskKey, file: string, bytes: Uint8Array, contentType: string): Promise<void> {
    await this.#call('write', ({ sdk, client }) =>
      client.send(
        new sdk.PutObjectCommand({
          Bucket: this.#bucket,
          Key: fileObjectOf(key, file),
          Body: bytes,
          ContentType: contentType,
          ...encryptedBy(this.#tenantKeys, key.tenant),
        }),
      ),
    )
  }

  read(key: TaskKey, file: string): Promise<Uint8Array> {
    return this.#get(fileObjectOf(key, file))
  }

  link(key: TaskKey, seconds: number, file?: string, downloadName?: string): Promise<string> {
    return this.#call('link', async ({ sdk, client }) => {
      const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
      const command = new sdk.GetObjectCommand({
        Bucket: this.#bucket,
        Key: file === undefined ? uploadObjectOf(key) : fileObjectOf(key, file),
        // Downloaded, not shown: an uploaded SVG or page must not run scripts at the bucket's address.
        ResponseContentDisposition: `attachment; filename*=UTF-8''${encodeURIComponent(downloadName ?? file ?? key.id).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)}`,
      })
      return getSignedUrl(client, command, { expiresIn: seconds })
    })
  }

  #get(object: string): Promise<Uint8Array> {
    return this.#call('read', async ({ sdk, client }) => {
      const answer = await client.send(new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: object }))
      return (await answer.Body?.transformToByteArray()) ?? new Uint8Array()
    })
  }

  #load(): Promise<LoadedSdk> {
    this.#loaded ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      client: new sdk.S3Client({
        maxAttempts: 3,
        requestHandler: callLimits(TRANSFER_MS),
        // Otherwise a checksum of an empty body is signed into the URL, and the bucket refuses the file.
        requestChecksumCalculation: 'WHEN_REQUIRED',
      }),
    }))
    return this.#loaded
  }

  #call<Answer>(what: string, call: (loaded: LoadedSdk) => Promise<Answer>): Promise<Answer> {
    const attempted = { service: 'The payload bucket', what, isObjectRead: what === 'read' }
    return callAws(attempted, async () => call(await this.#load()))
  }
}
