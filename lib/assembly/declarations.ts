import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { build, type Plugin, transform } from 'esbuild'
import { withoutRun } from '../bundle/lean.ts'

const TASKS = resolve(import.meta.dirname, '../../functions/tasks')

/** Bundles the files of task types without the code of `run`; files outside of the tasks' folder are not included. */
const declaring = (tasks: string): Plugin => ({
  name: 'declaring',
  setup: ({ onLoad, onResolve }) => {
    onLoad({ filter: /[/\\]task\.ts$/ }, async ({ path }) => {
      // Printed in esbuild's layout first, so that the end of `run` is found in any layout of the author's.
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'ts', target: 'node24' })
      return { contents: withoutRun(code), loader: 'js' }
    })
    onResolve({ filter: /^(?:\.|left-out$)/ }, ({ path, resolveDir, kind }) =>
      kind !== 'entry-point' && !resolve(resolveDir, path).startsWith(`${tasks}${sep}`)
        ? { path, external: true }
        : undefined,
    )
  },
})

/**
 * A hash of what the task types declare: names, schemas, limits and the code these use, without `run` and the code that only
 * `run` uses. While it is the same, a change of a task's files affects the worker alone: no other function runs tasks, and the
 * generated files do not depend on that code.
 *
 * @returns undefined when one of the files cannot be compiled.
 */
export async function hashDeclarations(tasks = TASKS): Promise<string | undefined> {
  const folders = await readdir(tasks, { withFileTypes: true })
  const entryPoints = folders
    .filter((folder) => folder.isDirectory())
    .map(({ name }) => join(tasks, name, 'task.ts'))
    .filter((path) => existsSync(path))
    .toSorted()
  try {
    const { outputFiles } = await build({
      absWorkingDir: tasks,
      entryPoints,
      outdir: tasks,
      write: false,
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node24',
      treeShaking: true,
      legalComments: 'none',
      logLevel: 'silent',
      plugins: [declaring(tasks)],
    })
    const hash = createHash('sha256')
    for (const { path, contents } of outputFiles) hash.update(`${path}\0`).update(contents)
    return hash.digest('hex')
  } catch {
    return undefined
  }
}
