/** Bundles every function for stage `local` in a child process, so that the bundler's memory is freed at its end. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleFunctions } from '../bundle.ts'
import { hashDeclarations } from './declarations.ts'
import { DECLARATIONS, SOURCE_ROOT } from './fill-assembly.ts'

// Exit through the `exit` handlers, which stop the bundler.
process.on('SIGTERM', () => process.exit(143))

const [bundleRoot = '', kind = ''] = process.argv.slice(2)
try {
  await mkdir(bundleRoot, { recursive: true })
  // Computed before bundling, so that a file saved in the meantime is detected.
  await writeFile(join(bundleRoot, DECLARATIONS), (await hashDeclarations()) ?? '')
  await bundleFunctions({
    outRoot: bundleRoot,
    sourceRoot: SOURCE_ROOT,
    isReadable: kind === '-readable',
    skipsUnchanged: true,
    isGenerated: true,
  })
} catch (cause) {
  console.error((cause as Error).message)
  process.exit(1)
}
