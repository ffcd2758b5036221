import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Template {
  readonly Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>
}

/** @returns the folder of a copy of an assembly whose stateless template is changed. */
export async function changeAssembly(
  directory: string,
  change: (resources: Template['Resources']) => void,
): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'assembly-'))
  await cp(directory, copy, { recursive: true, dereference: true })
  for (const path of await filesOf(copy, '.template.json')) {
    const template = JSON.parse(await readFile(path, 'utf8')) as Template
    change(template.Resources)
    await writeFile(path, JSON.stringify(template))
  }
  return copy
}

/** Makes a bundle of a copied assembly fail as soon as it is loaded. */
export async function breakBundle(directory: string, marker: string): Promise<number> {
  let broken = 0
  for (const path of await filesOf(directory, 'index.mjs')) {
    if (!(await readFile(path, 'utf8')).includes(marker)) continue
    await writeFile(path, "throw new Error('This bundle cannot load.')")
    broken += 1
  }
  return broken
}

async function filesOf(directory: string, end: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true })
  return names.filter((name) => name.endsWith(end)).map((name) => join(directory, name))
}
