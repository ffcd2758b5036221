/** Entry of the thread for a task type's heavy work; see `core/adapters/system/heavy-thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { TaskError } from '../core/domain/errors.ts'
import { heavyModules } from '../tasks/heavy.gen.ts'

const { name, input } = workerData as { readonly name: string; readonly input: unknown }
const [folder = '', call = ''] = name.split('/')

// A library may leave a failed promise that nobody awaits, which would end the thread with the library's own words. How the
// reading ends is decided by the promise that is awaited below.
process.on('unhandledRejection', () => undefined)

try {
  const module = (await heavyModules[folder]?.()) as Record<string, (input: unknown) => unknown> | undefined
  const work = module?.[call]
  if (!work) throw new Error(`There is no heavy work "${name}".`)
  parentPort?.postMessage({ value: await work(input) })
} catch (error) {
  parentPort?.postMessage({ error: describeError(error) })
}

function describeError(error: unknown) {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof TaskError) return { code: error.code, message, retry: error.retry }
  // A full stack, or a text or buffer that is too long: the same file would fail in the same way again.
  if (error instanceof RangeError)
    return {
      code: 'file_too_complex',
      message: 'The file is nested too deeply, or has a part that is too large.',
      retry: 'never',
    }
  return { code: 'task_failed', message: message.slice(0, 500), retry: 'counted' }
}
