import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { S3PayloadStore } from '../../functions/core/adapters/s3/payload-store.ts'
import { payloadStoreContract } from './payload-store.ts'

let buckets = 0

/** The port's contract over a running S3. The adapter reads its address from the environment, as in a function. */
export function s3PayloadContract(name: string, endpoint: string): void {
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
  payloadStoreContract(name, async () => {
    buckets += 1
    const s3 = new S3Client({ forcePathStyle: true })
    await s3.send(new CreateBucketCommand({ Bucket: `contract-${buckets}` }))
    s3.destroy()
    return new S3PayloadStore(`contract-${buckets}`)
  })
}
