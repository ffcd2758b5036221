// Before `npm start`, `npm run dev` and the tests. Plain JavaScript: without an install, whatever Node there is runs it.
import { existsSync } from 'node:fs'

const hasPackages = existsSync(new URL('../node_modules/.bin/esbuild', import.meta.url))
const major = Number(process.versions.node.split('.')[0])
if (!hasPackages || major < 24) {
  console.error(hasPackages ? explainNode() : 'Packages are missing. Run: npm ci')
  process.exit(1)
}

/** The project's Node comes by an install script; many companies turn those off. */
function explainNode() {
  const found = `Node ${process.versions.node} runs this, not Node 24.`
  const hasOwn = existsSync(new URL('../node_modules/node/bin/node', import.meta.url))
  return hasOwn
    ? `${found} The project has its own: start by npm (npm start, npm run …), or run npm ci again.`
    : `${found} The project's own is missing: install scripts are off (--ignore-scripts). Run: npm ci --ignore-scripts=false, or install Node 24.`
}
