import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createFirstAdminKey, prepareKeys } from '../../lib/deploy/stage-keys.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import type { StageSettings } from '../../lib/stages/stage-schema.ts'
import { Client } from '../fixtures/client.ts'
import { hasMinistack, ministackEndpoint } from '../fixtures/ministack.ts'
import { type Deployed, findDeployed } from './backdoor.ts'
import { deployEmulated, environment } from './emulators/run-emulator.ts'
import { KNOWN_GAPS } from './known-gaps.ts'
import { scenarios } from './scenarios.ts'

/** It requires keys, as a stage does by default. Its stage file says otherwise because of LocalStack. */
const withKeys = (stage: StageSettings): StageSettings => ({ ...stage, api: { ...stage.api, auth: 'keys' } })

describe.skipIf(!hasMinistack)('the real template on MiniStack', () => {
  const stage = withKeys(loadStage('emulated'))
  let deployed: Deployed
  let firstKey: string | undefined
  beforeAll(async () => {
    // The steps of `npm run deploy` before and after the CDK.
    for (const [name, value] of Object.entries(environment({ AWS_ENDPOINT_URL: ministackEndpoint })))
      if (name.startsWith('AWS_')) vi.stubEnv(name, value)
    await prepareKeys(stage)
    await deployEmulated(ministackEndpoint, withKeys)
    firstKey = await createFirstAdminKey(stage)
    deployed = await findDeployed({ stage: 'emulated', endpoint: ministackEndpoint })
  }, 300_000)
  afterAll(() => vi.unstubAllEnvs())

  describe('a stage that requires our API keys', () => {
    it('shows the first administrator’s key once, makes another one on request, and does not change the pepper', async () => {
      expect(firstKey).toMatch(/^tk_/)
      await prepareKeys(stage)
      expect(await createFirstAdminKey(stage)).toBeUndefined()
      const next = await createFirstAdminKey(stage, true)
      for (const key of [firstKey, next])
        expect((await new Client(deployed.url, key).get('/keys')).status).toBe(200)
    })

    it('refuses every request without a key, through the deployed authorizer', async () => {
      expect((await new Client(deployed.url).get('/tasks')).status).toBe(401)
      expect((await new Client(deployed.url, 'tk_nobody_wrong').get('/tasks')).status).toBeGreaterThanOrEqual(
        401,
      )
      expect((await new Client(deployed.url).get('/health')).status).toBe(200)
    })

    it('limits a key to its scopes and its tenant', async () => {
      const admin = new Client(deployed.url, firstKey)
      const { body } = await admin.post<{ key: string }>('/keys', {
        name: 'reader',
        tenant: 'acme',
        scopes: ['tasks:read'],
      })
      const reader = new Client(deployed.url, body.key)
      const { status, body: page } = await reader.get<{ tasks: unknown[] }>('/tasks')
      expect([status, page.tasks]).toEqual([200, []])
      expect((await reader.post('/tasks', { type: 'example.add', input: { x: 1, y: 2 } })).status).toBe(403)
    })
  })

  scenarios('MiniStack', () => new Client(deployed.url, deployed.key), {
    backdoor: () => deployed.backdoor,
    gaps: KNOWN_GAPS.ministack,
    // Each call takes two processes here, one for the authorizer and one for the route; a cold one takes a second of a core.
    callers: 10,
  })
})
