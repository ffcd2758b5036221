import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { S3FileStore } from '../../functions/core/adapters/s3/file-store.ts'
import { S3PayloadStore } from '../../functions/core/adapters/s3/payload-store.ts'

const ARN = 'arn:aws:kms:eu-central-1:111122223333:key/1'
const KEYS = { acme: ARN }
const OWN = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: ARN, BucketKeyEnabled: true }
const s3 = mockClient(S3Client)
beforeEach(() => {
  s3.reset()
  s3.on(PutObjectCommand).resolves({})
  vi.stubEnv('AWS_REGION', 'eu-central-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x')
})
afterEach(() => vi.unstubAllEnvs())
const puts = () => s3.commandCalls(PutObjectCommand).map(({ args }) => args[0].input)

describe('the data of a tenant with a KMS key of its own', () => {
  it('is in the bucket, encrypted with its key, however small; that of another tenant is in the row', async () => {
    const store = new S3PayloadStore('bucket', KEYS)
    expect(await store.keep({ tenant: 'acme', id: 'a' }, 'input', '1')).toMatchObject({ bytes: 1 })
    expect(puts()).toMatchObject([{ Key: 'payload/acme/a/input.json', ...OWN }])
    for (const tenant of ['acme2', 'ACME', 'toString', '__proto__'])
      expect(await store.keep({ tenant, id: 'a' }, 'input', '1')).toEqual({ json: '1' })
    await store.keep({ tenant: 'other', id: 'a' }, 'input', JSON.stringify('x'.repeat(10_000)))
    expect(puts()[1]).not.toHaveProperty('SSEKMSKeyId')
  })

  it('is encrypted with its key as a file of a task, and as an upload, which cannot be sent without it', async () => {
    const files = new S3FileStore('bucket', KEYS)
    await files.write({ tenant: 'acme', id: 'a' }, 'chart.svg', Buffer.from('x'), 'image/svg+xml')
    await files.write({ tenant: 'other', id: 'a' }, 'chart.svg', Buffer.from('x'), 'image/svg+xml')
    expect(puts()[0]).toMatchObject(OWN)
    expect(puts()[1]).not.toHaveProperty('SSEKMSKeyId')
    const file = { contentType: 'text/plain', bytes: 3 }
    const { url, headers } = await files.uploadLink({ tenant: 'acme', id: 'b' }, file, 60)
    expect(headers).toEqual({
      'content-type': 'text/plain',
      'content-length': '3',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': ARN,
      'x-amz-server-side-encryption-bucket-key-enabled': 'true',
    })
    const signed = new URL(url).searchParams.get('X-Amz-SignedHeaders')?.split(';') ?? []
    expect(signed).toEqual(expect.arrayContaining(Object.keys(headers)))
    const plain = await files.uploadLink({ tenant: 'other', id: 'b' }, file, 60)
    expect(Object.keys(plain.headers)).toEqual(['content-type', 'content-length'])
  })
})
