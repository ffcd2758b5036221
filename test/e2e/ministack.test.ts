import { afterAll, beforeAll, describe } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { type Deployed, findDeployed } from './backdoor.ts'
import { startMinistack } from './emulators/ministack.ts'
import { deployEmulated, type Emulator, pythonMissing } from './emulators/run-emulator.ts'
import { KNOWN_GAPS } from './known-gaps.ts'
import { scenarios } from './scenarios.ts'

const missing = await pythonMissing()
if (missing) console.warn(`SKIPPED, the suite on MiniStack: ${missing}.`)

describe.skipIf(missing !== undefined)('the real template on MiniStack', () => {
  let emulator: Emulator | undefined
  let deployed: Deployed
  beforeAll(async () => {
    emulator = await startMinistack()
    await deployEmulated(emulator.endpoint)
    deployed = await findDeployed({ stage: 'emulated', endpoint: emulator.endpoint })
  }, 300_000)
  afterAll(() => emulator?.stop())

  scenarios('MiniStack', () => new Client(deployed.url, deployed.key), {
    backdoor: () => deployed.backdoor,
    gaps: KNOWN_GAPS.ministack,
  })
})
