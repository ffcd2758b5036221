/** Bundles and synthesizes stage `local` in a child process; otherwise the CDK would stay in memory with 150 MB. */

import { buildApp } from '../app.ts'
import { bundleFunctions } from '../bundle.ts'
import { sourceRootOf } from './derive-assembly.ts'

// Exit through the `exit` handlers, which stop the generator.
process.on('SIGTERM', () => process.exit(143))

const [outdir = '', bundleRoot = '', kind = ''] = process.argv.slice(2)
try {
  await bundleFunctions({
    outRoot: bundleRoot,
    sourceRoot: sourceRootOf(),
    isReadable: kind === '-readable',
    skipsUnchanged: true,
  })
  buildApp({ stages: ['local'], outdir, bundleRoot, env: process.env }).synth()
} catch (cause) {
  console.error((cause as Error).message)
  process.exit(1)
}
