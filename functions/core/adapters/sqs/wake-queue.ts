import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { TaskKey } from '../../domain/task.ts'
import type { WakeQueue } from '../../ports/wake-queue.ts'
import { callAws } from '../aws/failures.ts'

export class SqsWakeQueue implements WakeQueue {
  readonly #client: SQSClient
  readonly #url: string
  readonly #service: string

  /** @param service name of the queue in errors, e.g. `The webhook queue`. */
  constructor(client: SQSClient, url: string, service: string) {
    this.#client = client
    this.#url = url
    this.#service = service
  }

  async wake({ tenant, id }: TaskKey, delaySeconds = 0): Promise<void> {
    const command = new SendMessageCommand({
      QueueUrl: this.#url,
      MessageBody: JSON.stringify({ v: 1, tenant, id }),
      ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
    })
    await callAws({ service: this.#service, what: 'send' }, () => this.#client.send(command))
  }
}
