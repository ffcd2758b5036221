import type { Lane } from '../../../contract.ts'
import { UnavailableError } from '../../domain/errors.ts'
import { messageOf, type Task } from '../../domain/task.ts'
import { markResent } from '../../domain/transitions.ts'
import type { Clock } from '../../ports/clock.ts'
import type { MessageSender } from '../../ports/task-queue.ts'
import type { TaskStore } from '../../ports/task-store.ts'

export interface DueSend {
  readonly task: Task
  /** When its message becomes visible. */
  readonly queuedAt: number
  readonly repair: 'sent' | 'resent'
}

/** Messages per SQS call. */
const BATCH = 10
const MAX_DELAY_SECONDS = 900

/**
 * Sends messages in batches of ten, then writes their rows. In this order a process that stops in between causes duplicates,
 * which have no effect; in the other order it would delay each task by a minute.
 */
export async function sendAgain(
  {
    store,
    queue,
    clock,
  }: { readonly store: TaskStore; readonly queue: MessageSender; readonly clock: Clock },
  sendings: readonly DueSend[],
  sent: (task: Task, repair: DueSend['repair']) => void,
  failed: (task: Task, error: unknown) => void,
): Promise<void> {
  const now = clock.now()
  const sendBatch = async (lane: Lane, batch: readonly DueSend[]) => {
    const messages = batch.map(({ task, queuedAt }) => ({
      message: messageOf(task),
      delaySeconds: Math.min(MAX_DELAY_SECONDS, Math.ceil((queuedAt - now) / 1_000)),
    }))
    const outcomes = await queue.sendAll(lane, messages)
    await Promise.all(
      batch.map(async ({ task, queuedAt, repair }, index) => {
        try {
          if (!outcomes[index]) throw new UnavailableError('The queue did not take the message.')
          await store.change(task, markResent(task, queuedAt, now))
          sent(task, repair)
        } catch (error) {
          failed(task, error)
        }
      }),
    )
  }
  const batches = [...Map.groupBy(sendings, ({ task }) => task.lane)].flatMap(([lane, ofLane]) =>
    Array.from({ length: Math.ceil(ofLane.length / BATCH) }, (_, batch) => ({
      lane,
      batch: ofLane.slice(batch * BATCH, (batch + 1) * BATCH),
    })),
  )
  await Promise.all(
    batches.map(({ lane, batch }) =>
      sendBatch(lane, batch).catch((error) => {
        for (const { task } of batch) failed(task, error)
      }),
    ),
  )
}
