import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { prepareKeys, showAdminKey } from '../../lib/deploy/stage-keys.ts'
import { loadStage } from '../../lib/stages/load-stage.ts'
import type { StageSettings } from '../../lib/stages/stage-schema.ts'
import { Client } from '../fixtures/client.ts'
import { hasMinistack } from '../fixtures/ministack.ts'
import { clientOptions } from './backdoor.ts'
import { startMinistack } from './emulators/ministack.ts'
import { deployEmulated, type Emulator, environment } from './emulators/run-emulator.ts'

const withKeys = (stage: StageSettings): StageSettings => ({ ...stage, api: { ...stage.api, auth: 'keys' } })

/** What `npm run deploy` does for a stage of our keys, on a MiniStack of its own: the other one has the stage with its usual door. */
describe.skipIf(!hasMinistack)('a stage of our keys on MiniStack', () => {
  const stage = withKeys(loadStage('emulated'))
  let emulator: Emulator
  let url: string
  let key: string
  /** Keys that are shown to whoever deploys. */
  async function shown(): Promise<string[]> {
    const said = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    await showAdminKey(stage)
    const text = said.mock.calls.flat().join('\n')
    said.mockRestore()
    return text.match(/tk_[\w-]+/g) ?? []
  }
  beforeAll(async () => {
    emulator = await startMinistack()
    for (const [name, value] of Object.entries(environment({ AWS_ENDPOINT_URL: emulator.endpoint })))
      if (name.startsWith('AWS_')) vi.stubEnv(name, value)
    await prepareKeys(stage)
    await deployEmulated(emulator.endpoint, withKeys)
    const { StackResources = [] } = await new CloudFormationClient(clientOptions(emulator.endpoint)).send(
      new DescribeStackResourcesCommand({ StackName: 'TaskRunner-emulated-stateless' }),
    )
    const api = StackResources.find(({ ResourceType }) => ResourceType === 'AWS::ApiGateway::RestApi')
    url = `${emulator.endpoint}/_aws/execute-api/${api?.PhysicalResourceId}/live`
  }, 600_000)
  afterAll(async () => {
    vi.unstubAllEnvs()
    await emulator?.stop()
  })

  it('shows the first administrator’s key once, and keeps the pepper of a second deployment', async () => {
    ;[key = ''] = await shown()
    expect(key).toMatch(/^tk_/)
    await prepareKeys(stage)
    expect(await shown()).toEqual([])
  })

  it('lets nobody in without a key, and the administrator with it, by the authorizer that was deployed', async () => {
    expect((await new Client(url).get('/tasks')).status).toBe(401)
    expect((await new Client(url, 'tk_nobody_wrong').get('/tasks')).status).toBeGreaterThanOrEqual(401)
    expect((await new Client(url).get('/health')).status).toBe(200)
    const client = new Client(url, key)
    const { id } = (
      await client.post<{ id: string }>('/tasks', { type: 'example.add', input: { x: 1, y: 2 } })
    ).body
    expect((await client.done(id)).status).toBe('COMPLETED')
  })

  it('holds a key to its scopes and its tenant', async () => {
    const admin = new Client(url, key)
    const { body } = await admin.post<{ key: string }>('/keys', {
      name: 'reader',
      tenant: 'acme',
      scopes: ['tasks:read'],
    })
    const reader = new Client(url, body.key)
    const { status, body: page } = await reader.get<{ tasks: unknown[] }>('/tasks')
    expect([status, page.tasks]).toEqual([200, []])
    expect((await reader.post('/tasks', { type: 'example.add', input: { x: 1, y: 2 } })).status).toBe(403)
  })
})
