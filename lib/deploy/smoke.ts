import { APIGatewayClient, GetApiKeyCommand } from '@aws-sdk/client-api-gateway'
import { API_BASE } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { makeJobKey } from './admin-key.ts'
import { openInvoke } from './stage-keys.ts'
import { outputsOf } from './stage-outputs.ts'

export interface SmokeTarget {
  /** Address of the API, without the path of its version. */
  readonly base: string
  readonly key: string
  /** For a stage with a usage plan. */
  readonly gatewayKey?: string | undefined
  /** Deletes everything that was created for the test. */
  readonly end: () => Promise<void>
}

/**
 * Address of a deployed stage and a key for it, as `taskrunner doctor --try` needs them.
 *
 * @param given an existing key; without it, one is created for the duration of the test.
 */
export async function smokeTarget(stage: StageSettings, given: string | undefined): Promise<SmokeTarget> {
  const { ApiUrl, ApiKeyId } = await outputsOf(stage)
  if (!ApiUrl) throw new Error(`Stage "${stage.name}" has no output ApiUrl. Deploy it again.`)
  const base = ApiUrl.replace(API_BASE, '')
  const gatewayKey = ApiKeyId ? await keyValue(stage, ApiKeyId) : undefined
  const target = { base, gatewayKey, end: async () => undefined }
  if (given) return { ...target, key: given }
  if (stage.api.auth === 'key') return { ...target, gatewayKey: undefined, key: gatewayKey ?? '' }
  if (stage.api.auth === 'iam')
    throw new Error(`Stage "${stage.name}" takes signed calls alone, which this command cannot make.`)
  const { invoke, close } = await openInvoke(stage)
  const { key, revoke } = await makeJobKey(invoke, 'Smoke test of a deployment')
  return { ...target, key, end: () => revoke().finally(close) }
}

async function keyValue({ region }: StageSettings, apiKey: string): Promise<string | undefined> {
  const client = new APIGatewayClient(region ? { region } : {})
  const { value } = await client.send(new GetApiKeyCommand({ apiKey, includeValue: true }))
  client.destroy()
  return value
}
