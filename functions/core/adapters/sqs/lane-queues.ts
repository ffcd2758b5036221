import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import type { Lane } from '../../../contract.ts'
import { BugError } from '../../domain/errors.ts'
import { callLimits } from '../aws/call-limits.ts'
import { callAws } from '../aws/failures.ts'
import { QUIET_LOGGER } from '../aws/quiet-logger.ts'

export type QueueUrls = Partial<Readonly<Record<Lane, string>>>

/** Without `useQueueUrlAsEndpoint`, so that calls go to the Region's endpoint or `AWS_ENDPOINT_URL_SQS`, not to a URL from data. */
export const createSqsClient = (): SQSClient =>
  new SQSClient({
    useQueueUrlAsEndpoint: false,
    maxAttempts: 3,
    requestHandler: callLimits(),
    logger: QUIET_LOGGER,
  })

/** URLs of a function's queues, one per lane. */
export interface LaneQueues {
  readonly client: SQSClient
  readonly urls: QueueUrls
}

export function urlOf({ urls }: LaneQueues, lane: Lane): string {
  const url = urls[lane]
  if (!url) throw new BugError(`This function has no queue URL of lane "${lane}".`)
  return url
}

export const callQueue = <Answer>(what: string, call: () => Promise<Answer>): Promise<Answer> =>
  callAws({ service: 'The queue', what }, call)

/** SQS allows 1–128 printable ASCII characters in a group id; other tenant names are encoded in base64url. */
export const groupOf = (tenant: string): string =>
  /^[\x21-\x7e]{1,128}$/.test(tenant) ? tenant : Buffer.from(tenant).toString('base64url').slice(0, 128)

/** Deletes up to ten; deleting one that is already deleted succeeds. */
export async function deleteAll(queues: LaneQueues, lane: Lane, receipts: readonly string[]): Promise<void> {
  if (receipts.length === 0) return
  const Entries = receipts.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }))
  const command = new DeleteMessageBatchCommand({ QueueUrl: urlOf(queues, lane), Entries })
  await callQueue('delete', () => queues.client.send(command))
}

/** Best effort: if it fails, the queue's own visibility timeout applies. */
export async function hideAll(
  queues: LaneQueues,
  lane: Lane,
  receipts: readonly string[],
  seconds: number,
): Promise<void> {
  const QueueUrl = urlOf(queues, lane)
  const calls: Promise<unknown>[] = []
  for (let start = 0; start < receipts.length; start += 10) {
    const Entries = receipts
      .slice(start, start + 10)
      .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: seconds }))
    calls.push(queues.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries })))
  }
  await Promise.allSettled(calls)
}
