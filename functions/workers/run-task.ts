import middy from '@middy/core'
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { TIMING } from '../contract/timing.ts'
import { runBatch } from '../core/application/run/run-batch.ts'
import { parseMessage } from '../core/domain/parse-message.ts'
import { openWorker } from '../hosts/worker.ts'

const dependencies = openWorker()

const receivesOf = ({ attributes }: SQSRecord): number => Number(attributes?.ApproximateReceiveCount) || 1

/** The queue consumer of one lane: runs a whole batch concurrently and reports the messages that must be received again. */
export const handler = middy<SQSEvent, SQSBatchResponse>().handler(async (event, context: Context) => {
  const { clock, log } = dependencies
  const batchItemFailures: { itemIdentifier: string }[] = []
  const unreadable: string[] = []
  const deliveries = event.Records.flatMap((record) => {
    const message = parseMessage(record.body)
    if (message)
      return [
        { message, receipt: record.receiptHandle, messageId: record.messageId, receives: receivesOf(record) },
      ]
    // An unreadable message is not deleted: after enough receives SQS moves it to the dead-letter queue.
    log('message.unreadable', { message_id: record.messageId, bytes: record.body.length })
    batchItemFailures.push({ itemIdentifier: record.messageId })
    unreadable.push(record.receiptHandle)
    return []
  })
  await dependencies.deliveries.changeVisibilityOfAll(dependencies.lane, unreadable, TIMING.unreadableSeconds)
  const again = await runBatch(dependencies, deliveries, clock.now() + context.getRemainingTimeInMillis())
  for (const { receipt, messageId } of deliveries)
    if (again.has(receipt)) batchItemFailures.push({ itemIdentifier: messageId })
  return { batchItemFailures }
})
