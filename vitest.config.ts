import { defineConfig } from 'vitest/config'

const project = (name: string, options: Record<string, unknown> = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], ...options },
})

// Suites that start the local runtime run one file at a time: two cores carry one runtime well, not three.
// What waits for leases and messages to come back waits side by side, though.
const heavy = { testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false, maxConcurrency: 20 }

// Against what runs elsewhere: bin/e2e.ts asks for it, `npm test` does not.
const remote = {
  test: { name: 'e2e-remote', include: ['test/e2e/remote.suite.ts'], ...heavy, testTimeout: 180_000 },
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/*.test.ts', 'functions/**/*.test.ts'],
        },
      },
      project('infra', { testTimeout: 60_000, hookTimeout: 60_000 }),
      project('contracts', { testTimeout: 30_000 }),
      project('integration', heavy),
      project('faults', heavy),
      project('e2e', { ...heavy, testTimeout: 180_000 }),
      ...(process.env.E2E_SUITE === 'remote' ? [remote] : []),
    ],
  },
})
