/**
 * `npm run audit`: fails on known vulnerabilities, high or critical, of packages that ship. A registry without an audit endpoint,
 * like most mirrors, is reported and is no failure.
 */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { type Audit, readAudit } from '../lib/deploy/audit.ts'

const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  cwd: resolve(import.meta.dirname, '..'),
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
})
const audit: Audit = readAudit(stdout)
for (const line of audit.lines) console.log(line)
process.exitCode = audit.hasSevereFindings ? 1 : 0
