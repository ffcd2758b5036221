#!/usr/bin/env node
// The entry of `npx taskrunner`. Plain JavaScript: whatever Node is in the path starts it, the project's own Node runs it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
const major = Number(process.versions.node.split('.')[0])

if (!existsSync(new URL('../node_modules/commander', import.meta.url))) {
  console.error('Packages are missing. Run: npm ci')
  process.exit(5)
}
if (major >= 24) await import('./taskrunner.ts')
else if (existsSync(own)) {
  const script = fileURLToPath(new URL('./taskrunner.ts', import.meta.url))
  const child = spawn(own, [script, ...process.argv.slice(2)], { stdio: 'inherit' })
  // The terminal sends Ctrl-C to both; the child decides what it means. Other signals come to this process alone.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
} else {
  console.error(
    `Node ${process.versions.node} runs this, and the project's own Node 24 is missing: install scripts are off ` +
      '(--ignore-scripts). Run: npm ci --ignore-scripts=false, or install Node 24.',
  )
  process.exit(5)
}
