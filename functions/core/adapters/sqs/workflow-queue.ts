import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { UnavailableError } from '../../domain/errors.ts'
import type { TaskKey } from '../../domain/task.ts'
import type { WorkflowQueue } from '../../ports/workflow-queue.ts'

export class SqsWorkflowQueue implements WorkflowQueue {
  readonly #client: SQSClient
  readonly #url: string

  constructor(client: SQSClient, url: string) {
    this.#client = client
    this.#url = url
  }

  async kick({ tenant, id }: TaskKey): Promise<void> {
    try {
      const body = JSON.stringify({ v: 1, tenant, id })
      await this.#client.send(new SendMessageCommand({ QueueUrl: this.#url, MessageBody: body }))
    } catch (cause) {
      throw new UnavailableError('The workflow queue did not answer (send).', { cause })
    }
  }
}
