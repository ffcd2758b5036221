import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, expect, it } from 'vitest'
import { startService } from '../../lib/local/emulator/services/service.ts'
import { s3PayloadContract } from './s3-bench.ts'
import { sqsQueueContract } from './sqs-bench.ts'

const directory = await mkdtemp(join(tmpdir(), 'queues-'))
const service = await startService({
  kind: 'sqs-s3',
  directory,
  region: 'eu-central-1',
  keys: { test: 'test' },
})
const sqs = new SQSClient({
  endpoint: service.endpoint,
  useQueueUrlAsEndpoint: false,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
})
afterAll(async () => {
  sqs.destroy()
  await service.stop()
  await rm(directory, { recursive: true, force: true })
})

sqsQueueContract('SQS in fauxqs', sqs)
s3PayloadContract('S3 in fauxqs', service.endpoint)

it('fauxqs refuses characters beyond U+FFFF, which SQS accepts: no message of the product may contain one unescaped', async () => {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'emoji' }))
  await expect(sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '👋' }))).rejects.toThrow(
    'Invalid characters found',
  )
})
