import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_BASE, SCOPES } from '../../functions/contract.ts'
import { makeAdminKey } from '../../lib/deploy/admin-key.ts'
import { pythonEnvironment, pythonMissing } from '../e2e/emulators/run-emulator.ts'
import { Client } from '../fixtures/client.ts'
import { startTestRuntime } from '../fixtures/running.ts'

const VERSION = '4.32.5'
/** Always the same cases, so that a failure is caused by a change; `SCHEMATHESIS_SEED` selects others. */
const SEED = process.env.SCHEMATHESIS_SEED ?? '1'
/** For each operation. */
const EXAMPLES = '8'

/** Checks that do not apply, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  positive_data_acceptance:
    'What JSON Schema cannot say is refused all the same: a foreign cursor, run_at with delay_seconds, a pace too slow for its limit.',
  negative_data_rejection:
    'A null stands for a field that is left out, on purpose; the document does not say so.',
  allow_header_conformance:
    'GET /tasks/add is GET /tasks/{id} of a task named "add", so Allow names GET; the document lists it under {id}.',
}

const missing = await pythonMissing()
if (missing) console.warn(`SKIPPED, schemathesis: ${missing}.`)

/**
 * An operator with every right; a tenant with every right except the operator's; a caller without a key, whom all routes except
 * the open ones refuse.
 */
const CALLERS = ['with a key of an operator', 'with a key of a tenant', 'without a key'] as const
/**
 * Cases for the bounds of every parameter are ten thousand, two minutes of a core: with the key that passes all routes. The other
 * callers reach the same code or are refused before it; `SCHEMATHESIS_WHOLE=1` makes them send the same cases.
 */
const phasesOf = (caller: string): string =>
  process.env.SCHEMATHESIS_WHOLE || caller === CALLERS[0] ? 'examples,coverage,fuzzing' : 'examples,fuzzing'

describe.skipIf(missing !== undefined)('schemathesis', () => {
  let running: Awaited<ReturnType<typeof startTestRuntime>>
  let directory: string
  let operator: string
  let tenant: string
  beforeAll(async () => {
    directory = await pythonEnvironment(`schemathesis-${VERSION}`, [`schemathesis==${VERSION}`])
    running = await startTestRuntime({ AUTH: 'keys' }, { isGated: false })
    operator = (await makeAdminKey((event) => running.pool('Keys').invoke(event), Date.now()))?.key ?? ''
    const scopes = SCOPES.filter((scope) => !scope.startsWith('ops:'))
    const made = await new Client(running.url, operator).post<{ key: string }>('/keys', {
      ...{ name: 'all', tenant: 'acme', scopes },
    })
    tenant = made.body.key
  }, 300_000)
  afterAll(() => running?.stop())

  it.each(CALLERS)(
    'finds no answer that our OpenAPI document does not allow, and no 5xx, %s',
    async (caller) => {
      const base = `${running.url}${API_BASE}`
      const key = { 'with a key of a tenant': tenant, 'with a key of an operator': operator }[
        caller as string
      ]
      const options = [
        ...['--url', base, '--phases', phasesOf(caller), '--max-examples', EXAMPLES],
        ...['--exclude-checks', Object.keys(LEFT_OUT).join(), '--warnings', 'off', '--request-timeout', '30'],
        ...['--generation-database', 'none', '--continue-on-failure', '--seed', SEED],
        ...(key === undefined ? [] : ['--header', `x-api-key: ${key}`]),
        // It would revoke the key that the other requests use.
        ...(key === undefined ? [] : ['--exclude-operation-id', 'revokeKey,rotateKey,eraseTenant']),
      ]
      const command = ['-m', 'schemathesis.cli', '--no-color', 'run', `${base}/openapi.json`, ...options]
      const { stdout } = await promisify(execFile)(join(directory, 'bin/python'), command, {
        cwd: directory,
        maxBuffer: 64 * 1024 * 1024,
      }).catch((cause: { stdout?: string; stderr?: string }) => ({
        stdout: `${cause.stdout ?? ''}${cause.stderr ?? ''}`,
      }))
      // A run without requests proves nothing.
      const cases = Number(/(\d+) generated/.exec(stdout)?.[1] ?? 0)
      expect(cases, stdout).toBeGreaterThan(300)
      expect(stdout.includes('found no problems') || /(\d+) generated, \1 passed/.test(stdout), stdout).toBe(
        true,
      )
      console.info(`${caller}: ${cases} cases`)
    },
    600_000,
  )
})
