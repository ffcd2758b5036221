import { defineConfig } from 'vitest/config'
import LongestFirst from './test/longest-first.ts'

const tempRoot = 'test/fixtures/temp-root.setup.ts'

const project = (
  name: string,
  { globalSetup = [], ...options }: Record<string, unknown> & { globalSetup?: readonly string[] } = {},
) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: [tempRoot, ...globalSetup],
    ...options,
  },
})

// Suites that start the local runtime: three files side by side on two cores, because they wait more than they compute
// (two files: 713 s, three: 576 s), and what waits for leases and messages to come back waits side by side within its file.
const heavy = {
  // Many times what a test takes: a machine that does other things as well is no failure.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  maxConcurrency: 20,
  // What is polled for comes within moments, and much later on a machine that does other things as well.
  expect: { poll: { timeout: 30_000 } },
}
const iamGate = 'test/fixtures/iam/iam.setup.ts'
const onMinistack = { globalSetup: ['test/fixtures/ministack.setup.ts', iamGate] }

// Only on request (`--project e2e-localstack`): against what already runs elsewhere, or too slow for every change.
const onRequest = ['remote', 'localstack', 'clients'].filter((name) => process.argv.includes(`e2e-${name}`))

export default defineConfig({
  test: {
    reporters: ['./test/reporter.ts'],
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          // Many times what a test takes: they run beside others, and once more in the author's copy.
          testTimeout: 120_000,
          globalSetup: [tempRoot],
          include: ['test/unit/**/*.test.ts', 'test/*.test.ts', 'functions/**/*.test.ts'],
        },
      },
      // One worker's files share what they load: the CDK and its first synth are five seconds of a core, in each of twelve files.
      project('infra', { testTimeout: 180_000, hookTimeout: 180_000, isolate: false }),
      project('contracts', { testTimeout: 60_000, expect: heavy.expect, ...onMinistack }),
      project('integration', { ...heavy, globalSetup: [iamGate] }),
      project('faults', { ...heavy, ...onMinistack }),
      project('e2e', { ...heavy, ...onMinistack }),
      // After all others: it looks at what their functions did.
      project('rights', { globalSetup: [iamGate], sequence: { groupOrder: 1 } }),
      ...onRequest.map((name) => ({
        test: {
          name: `e2e-${name}`,
          include: [`test/e2e/${name}.suite.ts`],
          globalSetup: [tempRoot],
          ...heavy,
        },
      })),
    ],
  },
})
