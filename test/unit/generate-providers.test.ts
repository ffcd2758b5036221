import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateProviders } from '../../bin/generate-providers.ts'

const project = resolve(import.meta.dirname, '../..')
const ROWS = 'functions/contract/providers.ts'
const PLACE = 'functions/core/adapters/providers'
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'providers-'))
  for (const path of [ROWS, PLACE, '.env.example'])
    await cp(join(project, path), join(root, path), { recursive: true })
  const rows = await readFile(join(root, ROWS), 'utf8')
  await writeFile(
    join(root, ROWS),
    rows.replace('const ROWS = {', "const ROWS = {\n  'old-owl': { isKeyed: true, routes: ['owl-*'] },"),
  )
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('the files generated from the rows of the providers', () => {
  it('match the rows; if this fails, run "npm run generate"', async () => {
    expect(await generateProviders({ check: true })).toEqual([])
  })

  it('need only a row and its folder: its code is found, and its variables are in .env.example', async () => {
    await mkdir(join(root, PLACE, 'old-owl'))
    await writeFile(join(root, PLACE, 'old-owl/old-owl-provider.ts'), 'export const openProvider = 1')
    const written = [`${PLACE}/provider-modules.gen.ts`, '.env.example']
    expect(await generateProviders({ root, check: true })).toEqual(written)
    expect(await generateProviders({ root })).toEqual(written)
    expect(await generateProviders({ root, check: true })).toEqual([])
    expect(await readFile(join(root, PLACE, 'provider-modules.gen.ts'), 'utf8')).toContain(
      "'old-owl': () => import('./old-owl/old-owl-provider.ts'),",
    )
    const example = await readFile(join(root, '.env.example'), 'utf8')
    expect(example).toContain('\nOLD_OWL_API_KEY=\nOLD_OWL_BASE_URL=\n')
    expect(example).toContain('\nANTHROPIC_API_KEY=\nANTHROPIC_BASE_URL=\n')
    expect(example.match(/^OPENAI_API_KEY=$/gm)).toHaveLength(1)
  })

  it('are refused for a row without a folder, with the name of the missing file', async () => {
    await expect(generateProviders({ root })).rejects.toThrow(
      `has a row "old-owl": ${PLACE}/old-owl/old-owl-provider.ts must export openProvider`,
    )
  })
})
