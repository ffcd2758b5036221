/** Bundles and synthesizes stage `local`, in a process of its own: the CDK would stay in memory, 150 MB of it. */

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildApp } from '../app.ts'
import { bundleFunctions } from '../bundle.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const [outdir = '', bundleRoot = ''] = process.argv.slice(2)
try {
  await bundleFunctions({ outRoot: bundleRoot, sourceRoot: `${pathToFileURL(ROOT).href}/` })
  buildApp({ stages: ['local'], outdir, bundleRoot, env: process.env }).synth()
} catch (cause) {
  console.error((cause as Error).message)
  process.exit(1)
}
