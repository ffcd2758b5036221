import { relative, resolve } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const ROOT = resolve(import.meta.dirname, '..')

/**
 * Files that take minutes, the longest first. There are so few that one worker is left for the others, whose lines show progress. The
 * ten slowest files, which a run prints at its end, show which belong here.
 */
export const LONGEST: readonly string[] = [
  'test/integration/author.test.ts',
  'test/integration/schemathesis.test.ts',
]

/**
 * Starts the files that take minutes first. Vitest sorts by the name of the project and the size of the file where it knows no
 * durations, as on a clean clone: then these files start among the last, and one core is idle until they end.
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
