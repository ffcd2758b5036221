import { relative, resolve } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const ROOT = resolve(import.meta.dirname, '..')

/**
 * Files that take minutes, the longest first: as few as leave a worker for the others, whose lines show that the run goes on. The
 * ten slowest that a run prints at its end say which belong here.
 */
export const LONGEST: readonly string[] = [
  'test/integration/author.test.ts',
  'test/integration/schemathesis.test.ts',
]

/**
 * Begins with the files that take minutes. Vitest goes by the name of the project and the size of the file where it knows no
 * times, as on a clean clone: both began among the last, and one core was idle until they ended.
 */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => placeOf(one) - placeOf(other))
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = LONGEST.indexOf(relative(ROOT, moduleId))
  return place < 0 ? LONGEST.length : place
}
