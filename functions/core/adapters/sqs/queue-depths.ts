import { GetQueueAttributesCommand, type QueueAttributeName } from '@aws-sdk/client-sqs'
import type { Lane } from '../../../contract.ts'
import type { QueueDepth, QueueDepths } from '../../ports/task-queue.ts'
import { callQueue, type LaneQueues, urlOf } from './lane-queues.ts'

export class SqsQueueDepths implements QueueDepths {
  readonly #queues: LaneQueues

  constructor(queues: LaneQueues) {
    this.#queues = queues
  }

  async depth(lane: Lane): Promise<QueueDepth> {
    const [visible, inFlight, delayed] = await readAttributes(this.#queues, lane, [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ])
    return { visible, inFlight, delayed }
  }
}

/** @returns the attributes' values in the order of their names; 0 for those that the queue does not return. */
export async function readAttributes<const Names extends readonly QueueAttributeName[]>(
  queues: LaneQueues,
  lane: Lane,
  names: Names,
): Promise<{ [Index in keyof Names]: number }> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: urlOf(queues, lane),
    AttributeNames: [...names],
  })
  const { Attributes } = await callQueue('depth', () => queues.client.send(command))
  return names.map((name) => Number(Attributes?.[name] ?? 0)) as { [Index in keyof Names]: number }
}
