import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { TaskKey } from '../../domain/task.ts'
import type { WorkflowQueue } from '../../ports/workflow-queue.ts'
import { callAws } from '../aws/failures.ts'

export class SqsWorkflowQueue implements WorkflowQueue {
  readonly #client: SQSClient
  readonly #url: string

  constructor(client: SQSClient, url: string) {
    this.#client = client
    this.#url = url
  }

  async kick({ tenant, id }: TaskKey): Promise<void> {
    const body = JSON.stringify({ v: 1, tenant, id })
    const command = new SendMessageCommand({ QueueUrl: this.#url, MessageBody: body })
    await callAws({ service: 'The workflow queue', what: 'send' }, () => this.#client.send(command))
  }
}
