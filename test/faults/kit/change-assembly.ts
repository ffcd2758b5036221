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

/**
 * Makes the bundle of some functions of a copied assembly fail as soon as it is loaded.
 *
 * @param id start of the functions' logical ids.
 * @returns how many bundles those functions have.
 */
export async function breakBundle(directory: string, id: string): Promise<number> {
  const folders = new Set<string>()
  for (const path of await filesOf(directory, '.template.json')) {
    const { Resources } = JSON.parse(await readFile(path, 'utf8')) as Template
    for (const [name, { Type, Properties }] of Object.entries(Resources))
      if (Type === 'AWS::Lambda::Function' && name.startsWith(id))
        folders.add(`asset.${(Properties.Code as { S3Key: string }).S3Key.replace(/\.zip$/, '')}`)
  }
  for (const folder of folders)
    await writeFile(join(directory, folder, 'index.mjs'), "throw new Error('This bundle cannot load.')")
  return folders.size
}

async function filesOf(directory: string, end: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true })
  return names.filter((name) => name.endsWith(end)).map((name) => join(directory, name))
}
