import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runScript } from './run-script.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** In a child process, because a watcher has older versions of the task modules in memory. */
export async function generateFiles(): Promise<void> {
  const generator = join(ROOT, 'bin/generate.ts')
  if (!existsSync(generator)) return
  const warnings = await runScript(generator, [], { cwd: ROOT }).catch((cause: Error) => {
    throw new Error(`What is generated from task types and routes cannot be written:\n${cause.message}`, {
      cause,
    })
  })
  if (warnings !== '') console.warn(warnings)
}
