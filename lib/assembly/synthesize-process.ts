/** Bundles and synthesizes stage `local` in a child process; otherwise the CDK would stay in memory with 150 MB. */

import { bundleFunctions, generateFiles } from '../bundle.ts'
import { hashDeclarations } from './declarations.ts'
import { sourceRootOf } from './derive-assembly.ts'
import { findBundles, writeMadeOf } from './made-of.ts'

// Exit through the `exit` handlers, which stop the generator.
process.on('SIGTERM', () => process.exit(143))

const [outdir = '', bundleRoot = '', kind = '', generated = ''] = process.argv.slice(2)
try {
  // The CDK is loaded while others work: it takes as long as the generator. Our own part of it reads what is generated.
  const loaded = Promise.all([import('aws-cdk-lib'), import('cdk-nag')])
  loaded.catch(() => undefined)
  if (!generated) await generateFiles()
  const declarations = await hashDeclarations()
  await bundleFunctions({
    outRoot: bundleRoot,
    sourceRoot: sourceRootOf(),
    isReadable: kind === '-readable',
    skipsUnchanged: true,
    isGenerated: true,
  })
  await loaded
  const { buildApp } = await import('../app.ts')
  buildApp({ stages: ['local'], outdir, bundleRoot, env: process.env }).synth()
  await writeMadeOf(outdir, { bundles: await findBundles(outdir, bundleRoot), declarations })
} catch (cause) {
  console.error((cause as Error).message)
  process.exit(1)
}
