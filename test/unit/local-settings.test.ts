import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { SETTINGS } from '../../lib/assembly/synthesize.ts'

const stage = readFileSync(join(resolve(import.meta.dirname, '../..'), 'lib/stages/local.ts'), 'utf8')

it('a change of any setting that the local stage reads makes a new assembly', () => {
  const read = [...stage.matchAll(/environment(?:\.|\[')([A-Za-z_]+)/g)].map(([, name = '']) => name)
  expect(read.length).toBeGreaterThan(5)
  expect(
    read.filter((name) => !SETTINGS.includes(name)),
    'add these to SETTINGS of lib/assembly/synthesize.ts: otherwise `npm start` keeps the old template',
  ).toEqual([])
})
