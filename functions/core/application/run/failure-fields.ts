import { ConflictError, ProviderError, TaskError, TaskRunnerError } from '../../domain/errors.ts'

const MAX_MESSAGE = 500
const MAX_FRAMES = 12
/** Below the first frame of these the stack is the runner's own. */
const MACHINERY = /functions\/core\/application\/run\//

/**
 * What a log line says of a failed attempt: the message, and for an error of the author's own code the stack. A
 * provider's words may repeat the prompt, so only what stands before them is told; the task's row has them all.
 */
export function failureFields(error: unknown): { readonly message?: string; readonly stack?: string } {
  if (error instanceof ConflictError) return {}
  if (!(error instanceof Error)) return { message: `Thrown: ${typeof error}, not an Error.` }
  if (error instanceof ProviderError) return { message: error.message.split(': ')[0] ?? '' }
  const message = error.message.slice(0, MAX_MESSAGE)
  if (error instanceof TaskRunnerError && !(error instanceof TaskError)) return { message }
  const stack = stackOf(error)
  return { message, ...(stack ? { stack } : {}) }
}

/** Names and frames of an error and its causes, without their messages, as paths below the project's root. */
function stackOf(error: Error): string {
  const lines: string[] = []
  let cause: unknown = error
  for (let depth = 0; cause instanceof Error && depth < 3; depth += 1, cause = cause.cause) {
    const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
    const end = frames.findIndex((line) => MACHINERY.test(line))
    const own = frames
      .slice(0, end < 0 ? MAX_FRAMES : Math.min(end, MAX_FRAMES))
      .filter((line) => !line.includes('node:internal'))
    if (own.length > 0) lines.push(depth === 0 ? cause.name : `caused by ${cause.name}`, ...own)
  }
  // The bundle's own path is not shown; an editor finds what starts at the root.
  return lines.join('\n').replaceAll(/(?:file:\/\/)?\/[^\s()]*?\/(?=(?:functions|node_modules)\/)/g, '')
}
