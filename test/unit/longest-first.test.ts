import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import type { TestSpecification, Vitest } from 'vitest/node'
import LongestFirst, { LONGEST } from '../longest-first.ts'

const root = resolve(import.meta.dirname, '../..')
const spec = (name: string, file: string) =>
  ({
    moduleId: resolve(root, file),
    project: { name, config: { isolate: true, sequence: { groupOrder: 0 } } },
  }) as unknown as TestSpecification

it('files that take minutes start first, whatever their project and size; the others keep their order', async () => {
  const results = new Map<unknown, object>()
  const sequencer = new LongestFirst({
    cache: { getTestSpecificationResult: (one: unknown) => results.get(one) },
  } as unknown as Vitest)
  const [first = '', second = ''] = LONGEST
  const files = [
    spec('contracts', 'test/unit/values.test.ts'),
    spec('unit', 'test/unit/cli.test.ts'),
    spec('integration', second),
    spec('integration', first),
  ]
  for (const file of files) results.set(file, { failed: false, duration: 1 })
  const sorted = await sequencer.sort(files)
  expect(sorted.map(({ moduleId }) => moduleId)).toEqual(
    [first, second, 'test/unit/values.test.ts', 'test/unit/cli.test.ts'].map((file) => resolve(root, file)),
  )
})

it('names files that exist', () => {
  expect(LONGEST.filter((file) => !existsSync(resolve(root, file)))).toEqual([])
})
