import { ConflictError, ProviderError, TaskError, TaskRunnerError } from '../../domain/errors.ts'

const MAX_MESSAGE_CHARACTERS = 500
const MAX_FRAMES = 12
/** Stack frames below the first of these belong to the worker itself. */
const WORKER_FRAME = /functions\/core\/application\/run\//

/**
 * Log fields of a failed attempt: the message, and the stack if the error comes from the author's code. Only the part of a
 * provider's message before its own text is logged, because that text may repeat the prompt; the task's row has all of it.
 *
 * @param mask hides secrets; before the message is cut off, because what is left of a secret would not be found.
 */
export function failureFields(
  error: unknown,
  mask = (text: string) => text,
): { readonly message?: string; readonly stack?: string } {
  if (error instanceof ConflictError) return {}
  if (!(error instanceof Error)) return { message: `Thrown: ${typeof error}, not an Error.` }
  if (error instanceof ProviderError) return { message: error.message.split(': ')[0] ?? '' }
  const message = mask(error.message).slice(0, MAX_MESSAGE_CHARACTERS)
  if (error instanceof TaskRunnerError && !(error instanceof TaskError)) return { message }
  const stack = stackOf(error)
  return { message, ...(stack ? { stack } : {}) }
}

/** Names and frames of an error and its causes, without messages. Paths are relative to the project's root. */
function stackOf(error: Error): string {
  const lines: string[] = []
  let cause: unknown = error
  for (let depth = 0; cause instanceof Error && depth < 3; depth += 1, cause = cause.cause) {
    const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
    const end = frames.findIndex((line) => WORKER_FRAME.test(line))
    const own = frames
      .slice(0, end < 0 ? MAX_FRAMES : Math.min(end, MAX_FRAMES))
      .filter((line) => !line.includes('node:internal'))
    if (own.length > 0) lines.push(depth === 0 ? cause.name : `caused by ${cause.name}`, ...own)
  }
  // Without the bundle's directory, so that an editor can open the paths from the root.
  return lines
    .map((line) => line.slice(0, MAX_MESSAGE_CHARACTERS))
    .join('\n')
    .replaceAll(/(?:file:\/\/)?\/[^\s()]*?\/(?=(?:functions|node_modules)\/)/g, '')
}
