import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Runs a script in a child process, which ends together with this process.
 *
 * @returns what it wrote to stderr.
 * @throws Error with that text when it fails.
 */
export async function runScript(
  script: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly signal?: AbortSignal },
): Promise<string> {
  const running = promisify(execFile)(process.execPath, [script, ...args], {
    ...options,
    maxBuffer: 16 * 1024 * 1024,
  })
  const end = () => void running.child.kill()
  process.once('exit', end)
  try {
    return (await running).stderr.trim()
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string }
    throw new Error(stderr?.trim() || message, { cause })
  } finally {
    process.off('exit', end)
  }
}
