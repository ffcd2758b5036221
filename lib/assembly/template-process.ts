/** Synthesizes stage `local` with placeholders, in a child process; otherwise the CDK would stay in memory with 150 MB. */
import { buildApp } from '../app.ts'
import { writePlaceholders } from './fill-assembly.ts'

const [outdir = '', placeholders = ''] = process.argv.slice(2)
try {
  await writePlaceholders(placeholders)
  buildApp({ stages: ['local'], outdir, bundleRoot: placeholders, env: process.env }).synth()
} catch (cause) {
  console.error((cause as Error).message)
  process.exit(1)
}
