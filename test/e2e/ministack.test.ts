import { beforeAll, describe } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { hasMinistack, ministackEndpoint } from '../fixtures/ministack.ts'
import { type Deployed, findDeployed } from './backdoor.ts'
import { deployEmulated } from './emulators/run-emulator.ts'
import { KNOWN_GAPS } from './known-gaps.ts'
import { scenarios } from './scenarios.ts'

describe.skipIf(!hasMinistack)('the real template on MiniStack', () => {
  let deployed: Deployed
  beforeAll(async () => {
    await deployEmulated(ministackEndpoint)
    deployed = await findDeployed({ stage: 'emulated', endpoint: ministackEndpoint })
  }, 300_000)

  scenarios('MiniStack', () => new Client(deployed.url, deployed.key), {
    backdoor: () => deployed.backdoor,
    gaps: KNOWN_GAPS.ministack,
  })
})
