import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { UserConsoleLog } from 'vitest'
import {
  DefaultReporter,
  type SerializedError,
  type TestModule,
  type TestRunEndReason,
  type TestSpecification,
} from 'vitest/node'

/** A test that cannot run here prints a line that starts with this, and the reason. */
const SKIPPED = 'SKIPPED, '
const SLOWEST = 10

/**
 * One line per file while the suite runs, and at its end the slowest files and what was skipped, and why. With `CI` set, a
 * skip is a failure, because CI must have everything that a test needs.
 *
 * `TEST_COUNTS` names a file that gets the counts as JSON; `.ci/run` prints them.
 */
export default class ProgressReporter extends DefaultReporter {
  #files = 0
  #ended = 0
  readonly #reasons = new Set<string>()

  constructor() {
    super({ summary: false })
  }

  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    this.#files = specifications.length
    super.onTestRunStart(specifications)
  }

  override onUserConsoleLog(log: UserConsoleLog): void {
    const reasons = log.content.split('\n').filter((line) => line.startsWith(SKIPPED))
    for (const reason of reasons) this.#reasons.add(reason.slice(SKIPPED.length))
    if (reasons.length === 0) super.onUserConsoleLog(log)
  }

  protected override printTestModule(module: TestModule): void {
    this.#ended += 1
    if (module.state() === 'failed') {
      super.printTestModule(module)
      // Printed again at the end, in full; a person who waits for ten minutes wants to know now.
      for (const test of module.children.allTests('failed'))
        for (const { message } of test.result().errors ?? [])
          this.ctx.logger.log(`      ${test.name}: ${message.slice(0, 1_000)}`)
    }
    const count = [...module.children.allTests()].length
    const place = `${String(this.#ended).padStart(String(this.#files).length)}/${this.#files}`
    this.ctx.logger.log(`${place}  ${mark(module)} ${nameOf(module)}  ${count} tests, ${seconds(module)} s`)
  }

  override onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    super.onTestRunEnd(modules, errors, reason)
    const log = (line: string) => this.ctx.logger.log(line)
    log('\nThe slowest files:')
    for (const module of modules
      .toSorted((one, other) => durationOf(other) - durationOf(one))
      .slice(0, SLOWEST))
      log(`  ${seconds(module).padStart(7)} s  ${nameOf(module)}`)
    const counts = countTests(modules)
    if (counts.skipped > 0) {
      log(`\n${counts.skipped} tests were skipped:`)
      for (const skipped of this.#reasons) log(`  ${skipped}`)
      if (process.env.CI) log('In CI that is a failure: .ci/run has to install what is missing.')
    }
    const refused = process.env.CI ? counts.skipped : 0
    if (refused > 0) process.exitCode = 1
    const failed = counts.failed + errors.length + refused
    if (process.env.TEST_COUNTS)
      writeFileSync(process.env.TEST_COUNTS, JSON.stringify({ passed: counts.passed, failed }))
  }
}

/** A file that failed without a failed test, while it loaded or in a hook, counts as one. */
export function countTests(modules: readonly TestModule[]) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    const before = counts.failed
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state !== 'pending') counts[state] += 1
    }
    if (module.state() === 'failed' && counts.failed === before) counts.failed += 1
  }
  return counts
}

const durationOf = (module: TestModule) => {
  const { duration, setupDuration, collectDuration } = module.diagnostic()
  return duration + setupDuration + collectDuration
}
const seconds = (module: TestModule) => (durationOf(module) / 1_000).toFixed(1)
const nameOf = (module: TestModule) => relative(process.cwd(), module.moduleId)
const mark = (module: TestModule) => ({ failed: '✗', skipped: '–' })[module.state() as string] ?? '✓'
