import { PAYLOAD_PREFIX } from '../../../contract.ts'
import type { ObjectEraser } from '../../ports/data-eraser.ts'
import { callLimits, PAYLOAD_MS } from '../aws/call-limits.ts'
import { callAws } from '../aws/failures.ts'

const CONCURRENCY = 32
/** Most objects per call, so that the caller can check the time in between. */
const MAX_OBJECTS_PER_CALL = 500

/** Lists objects by prefix instead of reading rows: an attempt that crashed may have left objects that no row names. */
export class S3ObjectEraser implements ObjectEraser {
  readonly #bucket: string

  constructor(bucket: string) {
    this.#bucket = bucket
  }

  async removeSome({ tenant, id }: { readonly tenant: string; readonly id?: string }): Promise<number> {
    const sdk = await import('@aws-sdk/client-s3')
    const client = new sdk.S3Client({ maxAttempts: 3, requestHandler: callLimits(PAYLOAD_MS) })
    const Prefix = `${PAYLOAD_PREFIX}${encodeURIComponent(tenant)}/${id === undefined ? '' : `${id}/`}`
    const list = new sdk.ListObjectsV2Command({ Bucket: this.#bucket, Prefix, MaxKeys: MAX_OBJECTS_PER_CALL })
    const call = <Answer>(what: string, send: () => Promise<Answer>) =>
      callAws({ service: 'The payload bucket', what }, send)
    try {
      const { Contents = [] } = await call('list', () => client.send(list))
      for (let start = 0; start < Contents.length; start += CONCURRENCY)
        await Promise.all(
          Contents.slice(start, start + CONCURRENCY).map(({ Key }) => {
            const remove = new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key })
            return call('erase', () => client.send(remove))
          }),
        )
      return Contents.length
    } finally {
      client.destroy()
    }
  }
}
