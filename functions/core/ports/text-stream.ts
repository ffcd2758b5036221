import type { Task } from '../domain/task.ts'
import type { TextOf, TextPiece } from '../domain/text-piece.ts'

/**
 * Keeps the text of running attempts for those who watch, each piece an item beside the task's row.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface TextStream {
  /** Keeps a piece; twice the same is as good as once. @param reapAt seconds since 1970. */
  append(task: Task, piece: TextPiece, reapAt: number): Promise<void>
  /** The pieces from a place on, in order, of that text and of those that began later. */
  read(task: Task, from: TextOf & { readonly offset: number }): Promise<readonly TextPiece[]>
}
