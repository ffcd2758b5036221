import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { type Deployed, findDeployed } from './backdoor.ts'
import { localstackMissing, startLocalstack } from './emulators/localstack.ts'
import { deployEmulated, type Emulator } from './emulators/run-emulator.ts'
import { KNOWN_GAPS } from './known-gaps.ts'
import { scenarios } from './scenarios.ts'

const missing = await localstackMissing()
if (missing) console.warn(`SKIPPED, the suite on LocalStack: ${missing}.`)

describe.skipIf(missing !== undefined)('the real template on LocalStack, without Docker', () => {
  let emulator: Emulator | undefined
  let deployed: Deployed
  beforeAll(async () => {
    emulator = await startLocalstack(process.env.E2E_TRACE)
    const startedAt = Date.now()
    await deployEmulated(emulator.endpoint)
    console.info(`deployed in ${Date.now() - startedAt} ms`)
    deployed = await findDeployed({ stage: 'emulated', endpoint: emulator.endpoint })
  }, 600_000)
  afterAll(async () => {
    // For debugging the emulator: its own log, and with E2E_TRACE one line per invocation.
    if (process.env.E2E_LOG && emulator) await writeFile(process.env.E2E_LOG, emulator.output())
    await emulator?.stop()
  })

  scenarios('LocalStack', () => new Client(deployed.url, deployed.key), {
    backdoor: () => deployed.backdoor,
    gaps: KNOWN_GAPS.localstack,
    callers: 10,
  })
})
