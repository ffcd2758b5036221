import middy from '@middy/core'
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import type { TaskKey } from '../core/domain/task.ts'
import { parseWakeMessage } from '../core/domain/workflow/parse-wake-message.ts'
import { log } from './lambda.ts'

/**
 * The consumer of a queue whose messages name items: processes the items concurrently.
 *
 * @param take processes one item; after a failure only its message is received again.
 * @param tell logs the failure.
 */
export const wakeQueueHandler = (
  take: (key: TaskKey, context: Context) => Promise<void>,
  tell: (key: TaskKey, error: unknown) => void,
) =>
  middy<SQSEvent, SQSBatchResponse>().handler(async (event, context: Context) => {
    const failed = await Promise.all(
      event.Records.map(async ({ body, messageId }) => {
        const key = parseWakeMessage(body)
        if (!key) {
          log('message.unreadable', { message_id: messageId, bytes: body.length })
          return []
        }
        try {
          await take(key, context)
          return []
        } catch (error) {
          tell(key, error)
          return [{ itemIdentifier: messageId }]
        }
      }),
    )
    return { batchItemFailures: failed.flat() }
  })
