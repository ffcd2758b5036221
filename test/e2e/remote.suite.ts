import { beforeAll } from 'vitest'
import { Client } from '../fixtures/client.ts'
import { type Deployed, findDeployed } from './backdoor.ts'
import { KNOWN_GAPS } from './known-gaps.ts'
import { scenarios } from './scenarios.ts'

/** bin/e2e.ts starts this suite and sets these variables. */
const { E2E_BASE: base, E2E_KEY: key, E2E_STAGE: stage, E2E_ENDPOINT: endpoint } = process.env

if (stage) {
  let deployed: Deployed
  beforeAll(async () => {
    deployed = await findDeployed({ stage, ...(endpoint ? { endpoint } : {}) })
  })
  const isLocalstack = endpoint !== undefined && (await answersAsLocalstack(endpoint))
  scenarios(`stage ${stage}`, () => new Client(deployed.url, deployed.key), {
    backdoor: () => deployed.backdoor,
    gaps: isLocalstack ? KNOWN_GAPS.localstack : [],
    ...(isLocalstack ? { callers: 10 } : {}),
  })
} else {
  scenarios(base ?? '', () => new Client(base ?? '', key))
}

async function answersAsLocalstack(url: string): Promise<boolean> {
  if (!url) return false
  const response = await fetch(`${url}/_localstack/info`).catch(() => undefined)
  await response?.body?.cancel()
  return response?.ok === true
}
