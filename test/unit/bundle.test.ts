import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { Metafile } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyOf } from '../../lib/bundle/fresh-key.ts'
import { bundleFunctions } from '../../lib/bundle.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bundle-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a bundle that would not change', () => {
  it('is not written again, unless one of its files was changed', async () => {
    const options = { only: ['clean-up'], outRoot: folder, skipsUnchanged: true } as const
    const [made] = await bundleFunctions(options)
    const madeAt = async () => (await stat(join(folder, 'clean-up.meta.json'))).mtimeMs
    const first = await madeAt()
    const [again] = await bundleFunctions(options)
    expect(again).toEqual({ ...made, isChanged: false })
    expect(await madeAt()).toBe(first)
    await truncate(join(folder, 'clean-up', 'index.mjs'), 10)
    expect(await bundleFunctions(options)).toMatchObject([{ isChanged: true }])
    expect((await stat(join(folder, 'clean-up', 'index.mjs'))).size).toBeGreaterThan(10)
  }, 120_000)
})

describe('a bundle contains only what its function needs', () => {
  it('the worker contains nothing of the sweeper, and the sweeper contains no task and no model call', async () => {
    await bundleFunctions({ only: ['run-task', 'sweep'], outRoot: folder })
    const inputsOf = async (bundle: string): Promise<readonly string[]> => {
      const text = await readFile(join(folder, `${bundle}.meta.json`), 'utf8')
      return Object.keys((JSON.parse(text) as Metafile).inputs)
    }
    const repairs = (path: string) => /^functions\/(workers\/sweep|core\/application\/repair\/)/.test(path)
    const runs = (path: string) =>
      /^functions\/(workers\/run-task|core\/application\/run\/run-(task|batch)|core\/adapters\/providers\/openai)/.test(
        path,
      )
    const [worker, sweeper] = [await inputsOf('run-task'), await inputsOf('sweep')]
    expect([worker.filter(repairs), sweeper.filter(runs)]).toEqual([[], []])
    // The filters are right: each bundle contains its own part.
    expect(worker.filter(runs).length).toBeGreaterThan(5)
    expect(sweeper.filter(repairs).length).toBeGreaterThan(5)
  }, 120_000)
})

describe('a bundle that answers requests', () => {
  it('contains no part of a library that no request can reach, and every part that one can', async () => {
    await bundleFunctions({ only: ['api-writes'], outRoot: folder })
    const meta = JSON.parse(await readFile(join(folder, 'api-writes.meta.json'), 'utf8')) as Metafile
    const chunks = Object.entries(meta.outputs).filter(([path]) => !path.includes('/apart/'))
    const bytesOf = (part: string) =>
      chunks
        .flatMap(([, { inputs }]) => Object.entries(inputs))
        .filter(([path]) => path.endsWith(part))
        .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0)
    for (const part of [
      'zod/v4/core/to-json-schema.js',
      'Sha256Js.js',
      'parseIni.js',
      'kit/json-schema-of.ts',
    ])
      expect([part, bytesOf(part)]).toEqual([part, 0])
    const code = (await Promise.all(chunks.map(([path]) => readFile(path, 'utf8')))).join('')
    const present = ['ConditionalCheckFailedException', 'ZodEmail', 'ZodBase64', 'isNullable()', 'Nearest: ']
    const absent = ['TransactionCanceledException', 'Name of the model; the', 'broken_rows']
    expect([...present, ...absent].filter((name) => code.includes(name))).toEqual(present)
  }, 120_000)
})

describe('a module that is imported on demand', () => {
  it('is built separately, and is identical in all bundles that contain the same code', async () => {
    await bundleFunctions({ only: ['clean-up', 'sweep'], outRoot: folder })
    const apartOf = async (bundle: string) => {
      const root = join(folder, bundle, 'apart')
      const names = (await readdir(root)).toSorted()
      return Promise.all(names.map(async (name) => [name, await readFile(join(root, name), 'utf8')] as const))
    }
    const parts = await apartOf('clean-up')
    expect(parts.map(([name]) => name)).toEqual(expect.arrayContaining(['presigner.mjs', 's3.mjs']))
    expect(await apartOf('sweep')).toEqual(parts)
  }, 120_000)
})

describe('a bundle part that is made of packages only', () => {
  it('is cached for the local run, is identical to a new build, and is built again when it is damaged', async () => {
    const filesOf = async (root: string) => {
      const entries = await readdir(join(root, 'run-task'), { recursive: true, withFileTypes: true })
      const paths = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
      const files = await Promise.all(
        paths.map(async (path) => [relative(root, path), (await readFile(path)).length] as const),
      )
      return files.toSorted(([a], [b]) => a.localeCompare(b))
    }
    const [plain, local] = [join(folder, 'plain'), join(folder, 'local')]
    await bundleFunctions({ only: ['run-task'], outRoot: plain })
    const make = async () => {
      await rm(join(local, 'run-task.key'), { force: true })
      await bundleFunctions({ only: ['run-task'], outRoot: local, skipsUnchanged: true })
      return filesOf(local)
    }
    const first = await make()
    expect(first).toEqual(await filesOf(plain))
    expect(first.map(([path]) => path)).toContain('run-task/apart/unpdf.mjs')
    const [kept = ''] = await readdir(join(local, 'packages'))
    const madeAt = async () => (await stat(join(local, 'packages', kept))).mtimeMs
    const before = await madeAt()
    expect(await make()).toEqual(first)
    expect(await madeAt()).toBe(before)
    await truncate(join(local, 'packages', kept), 1_000)
    expect(await make()).toEqual(first)
  }, 240_000)
})

describe('the key of a bundle', () => {
  const metafile = {
    inputs: { 'functions/a.ts': {}, 'node_modules/some/index.js': {} },
    outputs: {},
  } as unknown as Metafile
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
    await utimes(join(folder, path), 1_000, 1_000)
  }
  const key = (settings: unknown = [], madeAt?: number) =>
    keyOf(folder, metafile, { settings, files: ['functions/api.json'], ...(madeAt ? { madeAt } : {}) })

  it('changes with every source, additional file, package and setting', async () => {
    const paths = [
      'package-lock.json',
      'lib/bundle.ts',
      'lib/bundle/separate-modules.ts',
      'lib/bundle/cached-build.ts',
      'lib/bundle/env-credentials.ts',
      'lib/bundle/lean.ts',
    ]
    for (const path of [...paths, 'functions/a.ts', 'functions/api.json']) await write(path, 'one')
    const keys = [await key(), await key(['readable'])]
    for (const path of ['package-lock.json', 'functions/a.ts', 'functions/api.json']) {
      await write(path, 'other')
      keys.push(await key())
    }
    expect(new Set(keys).size).toBe(5)
    expect(await key()).toBe(keys.at(-1))
  })

  it('does not exist when a source was saved during the build, or is gone', async () => {
    expect(await key([], 1_000_001)).toBeDefined()
    expect(await key([], 1_000_000)).toBeUndefined()
    await rm(join(folder, 'functions/a.ts'))
    expect(await key()).toBeUndefined()
  })
})
