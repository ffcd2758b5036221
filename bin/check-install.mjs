// Before `npm start`, `npm run dev` and the tests. Plain JavaScript: without an install, whatever Node there is runs it.
import { existsSync } from 'node:fs'

const hasPackages = existsSync(new URL('../node_modules/.bin/esbuild', import.meta.url))
const major = Number(process.versions.node.split('.')[0])
if (!hasPackages || major < 24) {
  const found = hasPackages
    ? `Node ${process.versions.node} runs this, not the project's own Node 24.`
    : 'Packages are missing.'
  console.error(`${found} Run: npm ci`)
  process.exit(1)
}
