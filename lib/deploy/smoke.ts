import { APIGatewayClient, GetApiKeyCommand } from '@aws-sdk/client-api-gateway'
import { API_BASE } from '../../functions/contract.ts'
import type { StageSettings } from '../stages/stage-schema.ts'
import { outputsOf } from './stage-outputs.ts'

export interface SmokeTarget {
  /** Address of the API, without the path of its version. */
  readonly base: string
  readonly key: string
}

/**
 * Where a deployed stage is reached, and a key for it: what `taskrunner doctor --try` needs.
 *
 * @param given a key that somebody holds: a stage of our keys tells none.
 */
export async function smokeTarget(stage: StageSettings, given: string | undefined): Promise<SmokeTarget> {
  const { ApiUrl, ApiKeyId } = await outputsOf(stage)
  if (!ApiUrl) throw new Error(`Stage "${stage.name}" has no output ApiUrl. Deploy it again.`)
  const base = ApiUrl.replace(API_BASE, '')
  if (given) return { base, key: given }
  if (!ApiKeyId)
    throw new Error(
      `Stage "${stage.name}" tells no key: give one as TASKRUNNER_KEY, with the scopes of an operator.`,
    )
  const client = new APIGatewayClient(stage.region ? { region: stage.region } : {})
  const { value } = await client.send(new GetApiKeyCommand({ apiKey: ApiKeyId, includeValue: true }))
  client.destroy()
  return { base, key: value ?? '' }
}
