import type { Task } from '../domain/task.ts'
import type { TextId, TextPiece } from '../domain/text-piece.ts'

/**
 * Stores the text of running attempts for watching clients, each piece as an item beside the task's row.
 *
 * @throws UnavailableError when the store does not answer.
 */
export interface TextStream {
  /** Stores a piece; storing it twice has no effect. @param reapAt seconds since 1970. */
  append(task: Task, piece: TextPiece, reapAt: number): Promise<void>
  /** The pieces from an offset on, in order, of that text and of all later texts. */
  read(task: Task, from: TextId & { readonly offset: number }): Promise<readonly TextPiece[]>
}
