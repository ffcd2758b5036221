import type { Lane } from '../../../contract.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DeadLetters } from '../../ports/dead-letters.ts'

/** A message that no worker can read: it belongs to no task, so that a redrive never removes it. */
export interface UnreadableMessage {
  readonly messageId: string
  readonly bytes: number
}

/** Receives of ten messages each. */
const MAX_RECEIVES = 50

/**
 * Searches a lane's dead-letter queue for messages that are not the product's, and deletes them if asked to. All others are
 * made visible again at once.
 *
 * @returns the messages found, at most some hundreds; after deleting that many, call it again.
 */
export async function unreadableMessages(
  { deadLetters, clock }: { readonly deadLetters: DeadLetters; readonly clock: Clock },
  lane: Lane,
  isDeleted: boolean,
  stopAt: number,
): Promise<readonly UnreadableMessage[]> {
  const found = new Map<string, UnreadableMessage>()
  const kept: string[] = []
  try {
    for (let round = 0; round < MAX_RECEIVES && clock.now() <= stopAt; round += 1) {
      const messages = await deadLetters.receiveDead(lane)
      if (messages.length === 0) break
      const foreign = messages.filter(({ message }) => message === undefined)
      for (const { messageId, bytes } of foreign) found.set(messageId, { messageId, bytes })
      const gone = isDeleted ? foreign : []
      await deadLetters.deleteDead(
        lane,
        gone.map(({ receipt }) => receipt),
      )
      for (const one of messages) if (!gone.includes(one)) kept.push(one.receipt)
    }
  } finally {
    await deadLetters.showDead(lane, kept)
  }
  return [...found.values()]
}
