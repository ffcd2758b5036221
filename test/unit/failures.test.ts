import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { CopyObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { marshall } from '@aws-sdk/util-dynamodb'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callAws, toPortError } from '../../functions/core/adapters/aws/failures.ts'
import { Table } from '../../functions/core/adapters/dynamodb/table.ts'
import { ConflictError, RefusedValueError, type TaskRunnerError } from '../../functions/core/domain/errors.ts'

const awsError = (name: string, httpStatusCode?: number, message = 'no') =>
  Object.assign(new Error(message), {
    name,
    ...(httpStatusCode === undefined ? {} : { $metadata: { httpStatusCode } }),
  })
const codeOf = (cause: unknown, isObjectRead = false) =>
  (toPortError(cause, { service: 'The table', what: 'read', isObjectRead }) as TaskRunnerError).code

describe('a failed call to AWS', () => {
  it.each([
    ['ProvisionedThroughputExceededException', 400],
    ['ThrottlingException', 400],
    ['RequestLimitExceeded', 400],
    ['SlowDown', 503],
    ['InternalServerError', 500],
    ['ServiceUnavailable', 503],
    ['TooManyRequestsException', 429],
    ['TransactionConflictException', 400],
    ['ResourceInUseException', 400],
    ['ExpiredTokenException', 400],
    ['KMSThrottlingException', 400],
    ['UnheardOf', 502],
    ['TimeoutError', undefined],
    ['Error', undefined],
  ])('%s (%s) is temporary', (name, status) => {
    expect(codeOf(awsError(name, status))).toBe('unavailable')
  })

  it.each([
    ['AccessDeniedException', 400],
    ['AccessDenied', 403],
    ['UnrecognizedClientException', 400],
    ['InvalidSignatureException', 400],
    ['ResourceNotFoundException', 400],
    ['QueueDoesNotExist', 400],
    ['AWS.SimpleQueueService.NonExistentQueue', 400],
    ['NoSuchBucket', 404],
    ['KMSDisabledException', 400],
    ['CredentialsProviderError', undefined],
    ['UnheardOf', 403],
  ])('%s (%s) needs an operator', (name, status) => {
    expect(codeOf(awsError(name, status))).toBe('misconfigured')
  })

  it.each([200, 400, 413, 500])(
    'an answer of status %s that cannot be parsed is temporary',
    async (status) => {
      const server = createServer((request, response) => {
        request.resume()
        response.writeHead(status, { 'content-type': 'text/html' }).end('<html><p>Sorry</html>')
      }).listen(0, '127.0.0.1')
      onTestFinished(() => void server.close())
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const settings = {
        endpoint: `http://127.0.0.1:${port}`,
        region: 'eu-central-1',
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        maxAttempts: 1,
      }
      const s3 = new S3Client({ ...settings, forcePathStyle: true })
      const failures = await Promise.all(
        [
          () => s3.send(new CopyObjectCommand({ Bucket: 'b', Key: 'k', CopySource: 'b/k' })),
          () =>
            new DynamoDBClient(settings).send(
              new GetItemCommand({ TableName: 't', Key: { pk: { S: 'a' } } }),
            ),
          () =>
            new SQSClient(settings).send(new SendMessageCommand({ QueueUrl: 'http://q', MessageBody: 'm' })),
        ].map((call) =>
          callAws({ service: 'It', what: 'call' }, call as () => Promise<unknown>).catch((error) => error),
        ),
      )
      expect(failures.map((failure) => (failure as TaskRunnerError).code)).toEqual([
        'unavailable',
        'unavailable',
        'unavailable',
      ])
    },
  )

  it('an object that is gone is missing, also where S3 hides this with a 403', () => {
    expect(codeOf(awsError('NoSuchKey', 404), true)).toBe('missing')
    expect(codeOf(awsError('AccessDenied', 403), true)).toBe('missing')
    expect(codeOf(awsError('NoSuchBucket', 404), true)).toBe('misconfigured')
  })

  it('an object whose KMS key was disabled is missing, and cannot be written', () => {
    for (const name of ['KMS.DisabledException', 'KMS.KMSInvalidStateException', 'KMS.NotFoundException']) {
      expect([name, codeOf(awsError(name, 400), true)]).toEqual([name, 'missing'])
      expect([name, codeOf(awsError(name, 400))]).toEqual([name, 'misconfigured'])
    }
  })

  it('an error of the product is not changed', () => {
    const own = new ConflictError('lease_lost')
    expect(toPortError(own, { service: 'The table', what: 'read' })).toBe(own)
  })

  it.each([
    ['progress', { id: 'a', progress: { percent: Number.NaN, message: '' } }],
    ['result', { id: 'a', result: { json: '\ud800' } }],
    ['error', { id: 'a', error: { code: 'x', message: 'm'.repeat(400_000) } }],
  ])('the error for a refused value names its field: %s', async (field, written) => {
    const refusal = awsError('ValidationException', 400, 'Item size has exceeded the maximum allowed size')
    const error = await callAws({ service: 'The table', what: 'complete', written }, async () => {
      if (field === 'progress') marshall(written)
      throw refusal
    }).catch((caught) => caught)
    expect(error).toBeInstanceOf(RefusedValueError)
    expect(error).toMatchObject({ code: 'refused_value', retry: 'never', field })
    expect(error.message).toContain(`"${field}"`)
  })
})

describe('a batch read of keys', () => {
  it('repeats the keys that a throttled table left unprocessed, and stops after some rounds', async () => {
    let asked = 0
    const table = (left: number) =>
      new Table(
        {
          send: async ({ input }: { input: { RequestItems: { t: { Keys: { pk: string }[] } } } }) => {
            asked += 1
            const { Keys } = input.RequestItems.t
            const done = asked <= left ? [] : Keys
            return { Responses: { t: done }, UnprocessedKeys: done.length ? {} : { t: { Keys } } }
          },
        } as never,
        't',
      )
    expect(await table(2).readMany([{ pk: 'a' }])).toEqual([{ pk: 'a' }])
    expect(asked).toBe(3)
    asked = 0
    await expect(table(99).readMany([{ pk: 'a' }])).rejects.toMatchObject({ code: 'unavailable' })
    expect(asked).toBe(7)
  })
})
