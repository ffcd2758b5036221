import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { TaskKey } from '../../domain/task.ts'
import type { WebhookQueue } from '../../ports/webhook-store.ts'
import { callAws } from '../aws/failures.ts'

export class SqsWebhookQueue implements WebhookQueue {
  readonly #client: SQSClient
  readonly #url: string

  constructor(client: SQSClient, url: string) {
    this.#client = client
    this.#url = url
  }

  async kick({ tenant, id }: TaskKey, delaySeconds = 0): Promise<void> {
    const command = new SendMessageCommand({
      QueueUrl: this.#url,
      MessageBody: JSON.stringify({ v: 1, tenant, id }),
      ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
    })
    await callAws({ service: 'The webhook queue', what: 'send' }, () => this.#client.send(command))
  }
}
