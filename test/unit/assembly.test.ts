import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillAssembly, writePlaceholders } from '../../lib/assembly/fill-assembly.ts'
import { makeTemplate } from '../../lib/assembly/synthesize.ts'
import { isTemplateSource } from '../../lib/assembly/template-sources.ts'

const ROOT = resolve(import.meta.dirname, '../..')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assembly-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Files of the project that a file imports, directly or through others; imports of types do not count. */
async function importedBy(entry: string): Promise<readonly string[]> {
  const seen = new Set<string>()
  const pending = [join(ROOT, entry)]
  for (let path = pending.pop(); path; path = pending.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    if (!path.endsWith('.ts')) continue
    const text = await readFile(path, 'utf8')
    const imports = /(?:^(?:import|export)\s(?!type\b)[^'";]*?from\s*|^import\s*|\bimport\()'(\.[^']+)'/gm
    for (const [, name = ''] of text.matchAll(imports)) pending.push(join(dirname(path), name))
  }
  return [...seen].map((path) => relative(ROOT, path))
}

describe('the template of the local run', () => {
  it('is kept as long as none of its source files changes', async () => {
    const made = await importedBy('lib/assembly/template-process.ts')
    // It reads the assembly and does not affect it.
    const reader = 'lib/local/emulator/template/assembly.ts'
    expect(made.filter((path) => !isTemplateSource(path))).toEqual([reader])
    expect(made.length).toBeGreaterThan(40)
  })

  it('is made again when a source changed while it was made', async () => {
    let runs = 0
    const make = (env: Record<string, string>, change: () => void) =>
      makeTemplate(join(folder, 'state'), env, async (_script, [outdir = '']) => {
        runs += 1
        const stack = { type: 'aws:cloudformation:stack', properties: { templateFile: 'stack.json' } }
        await mkdir(outdir, { recursive: true })
        await writeFile(join(outdir, 'stack.json'), '{}')
        await writeFile(join(outdir, 'manifest.json'), JSON.stringify({ artifacts: { stack } }))
        change()
      })
    const unchanged = () => undefined
    const env: Record<string, string> = { AUTH: 'none' }
    await make(env, () => {
      env.AUTH = 'keys'
    })
    expect(await make({ AUTH: 'none' }, unchanged)).not.toContain('draft')
    expect(runs).toBe(2)
    await make({ AUTH: 'none' }, unchanged)
    expect(runs).toBe(2)
  })

  it('gets its bundles in place of the placeholders, and no other change', async () => {
    const [bundles, made] = [join(folder, 'bundles'), join(folder, 'made')]
    await writePlaceholders(join(folder, 'placeholders'))
    const names = await readdir(join(folder, 'placeholders'))
    expect(names).toEqual(expect.arrayContaining(['api-writes', 'run-task']))
    const files: Record<string, object> = {}
    const write = async (path: string, text: string) => {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text)
    }
    const asset = (path: string) => {
      files[path] = { source: { path }, destinations: { here: { objectKey: path } } }
      return join(made, path)
    }
    await write(join(asset('asset.one'), 'index.mjs'), 'sweep')
    await write(join(asset('asset.two'), 'index.mjs'), 'export const handler = () => 1')
    await write(asset('stack.template.json'), '{}')
    await write(join(made, 'assets.json'), JSON.stringify({ files }))
    const artifacts = { assets: { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } } }
    await write(join(made, 'manifest.json'), JSON.stringify({ artifacts }))
    await write(join(bundles, 'sweep/index.mjs'), 'export const handler = () => 2')
    await write(join(bundles, 'sweep/apart/s3.mjs'), 'export {}')
    await fillAssembly(made, bundles)
    expect((await readdir(join(made, 'asset.one'), { recursive: true })).toSorted()).toEqual([
      'apart',
      'apart/s3.mjs',
      'index.mjs',
    ])
    expect(await readFile(join(made, 'asset.one/index.mjs'), 'utf8')).toContain('=> 2')
    expect(await readFile(join(made, 'asset.two/index.mjs'), 'utf8')).toContain('=> 1')
    // The bundler replaces files and never changes one, so an assembly keeps its own.
    await rm(join(bundles, 'sweep/index.mjs'))
    expect(await readFile(join(made, 'asset.one/index.mjs'), 'utf8')).toContain('=> 2')
  })
})
