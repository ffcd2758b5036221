import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashDeclarations } from '../../lib/assembly/declarations.ts'
import { isTemplateSource } from '../../lib/assembly/template-sources.ts'

const ROOT = resolve(import.meta.dirname, '../..')

it('every source of functions/ that affects the template is known, so that a change of it starts a synth', async () => {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['lib/app.ts'],
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: 'out',
  })
  const used = Object.keys(metafile.inputs).filter((path) => path.startsWith('functions/'))
  expect(used).toContain('functions/contract.ts')
  // It only affects the text of an error of the synth.
  const wording = ['functions/core/domain/nearest-name.ts']
  expect(used.filter((path) => !isTemplateSource(path) && !wording.includes(path))).toEqual([])
})

const TASK = `import * as z from 'zod'
import { defineTask } from '../../core/kit/index.ts'
import { LONGEST } from './longest.ts'
import { write } from './write.ts'

export default defineTask({
  name: 'note.write',
  lane: 'ai',
  input: z.strictObject({ text: z.string().max(LONGEST).refine(isWanted) }),
  output: z.string(),
  run: async ({ input, model }) => {
    const text = await read(input.text)
    return write(await model.complete({ prompt: text }))
  },
})

function isWanted(text: string): boolean {
  return text !== 'x'
}
async function read(text: string): Promise<string> {
  return text.trim()
}
`
const FILES = {
  'task.ts': TASK,
  'longest.ts': 'export const LONGEST = 100\n',
  'write.ts': 'export const write = (text: string) => text.toUpperCase()\n',
}

describe('what the task types declare', () => {
  let folder: string
  let first: string | undefined
  const write = async (changed: Partial<typeof FILES> = {}) => {
    for (const [name, text] of Object.entries({ ...FILES, ...changed }))
      await writeFile(join(folder, 'note-write', name), text)
  }
  const hashWith = async (changed: Partial<typeof FILES>) => {
    await write(changed)
    return hashDeclarations(folder)
  }
  const edited = (from: string, to: string) => {
    expect(TASK).toContain(from)
    return { 'task.ts': TASK.replace(from, to) }
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'declared-'))
    await mkdir(join(folder, 'note-write'))
    first = await hashWith({})
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('does not change when only run, or code that only run uses, changes', async () => {
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    for (const changed of [
      edited('prompt: text', 'prompt: `Of\n    lane: ai`'),
      edited(
        '    const text = await read(input.text)\n',
        "    const { two } = await import('./write.ts')\n    const text = two\n",
      ),
      edited('return text.trim()', "return text + '!'"),
      edited('export default', '// A remark.\nexport default'),
      { 'write.ts': 'export const write = (text: string) => text\n' },
    ])
      expect([changed, await hashWith(changed)]).toEqual([changed, first])
  })

  it('changes with a name, lane, schema, limit, or code that one of those uses', async () => {
    for (const changed of [
      edited("'note.write'", "'note.read'"),
      edited("lane: 'ai'", "lane: 'demo'"),
      edited('z.string(),\n  run', 'z.number(),\n  run'),
      edited("text !== 'x'", "text !== 'y'"),
      // In any layout, before `run` or after it.
      edited('  },\n})', '  },\n   limits: { timeoutMs: 5 },\n})'),
      edited("  lane: 'ai',\n", "\tlane: 'ai', version: 2,\n"),
      { 'longest.ts': 'export const LONGEST = 101\n' },
    ])
      expect([changed, (await hashWith(changed)) === first]).toEqual([changed, false])
  })

  it('is unknown for a file that cannot be parsed', async () => {
    expect(await hashWith(edited('run: async', 'run: asynk ('))).toBeUndefined()
    // It looks like the end of the declaration.
    expect(await hashWith(edited('prompt: text', 'prompt: `\n})\n`'))).toBeUndefined()
  })
})
