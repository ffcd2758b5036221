import type { ProviderName } from '../../functions/contract.ts'
import type { StageSettings } from './stage-schema.ts'

/** What the functions get as `MODEL_ROUTES`. Exact Bedrock ids come first: a prefix below must not swallow them. */
export function modelRoutes({ models }: StageSettings): Readonly<Record<string, ProviderName>> {
  const bedrock = Object.fromEntries(models.bedrockModels.map((id) => [id, 'bedrock' as const]))
  return { ...bedrock, ...models.routes }
}

/** An inference profile's id is its model's id behind one of these. */
const PROFILE_PREFIX = /^(?:us|us-gov|eu|apac|jp|au|ca|global)\./

/**
 * The resources behind Bedrock model ids, as a policy names them. A profile sends a call to its model in any of
 * several Regions, so it needs the profile itself and the model in all of them.
 */
export function bedrockResources(
  models: readonly string[],
  place: { partition: string; region: string; account: string },
): string[] {
  return models.flatMap((id) => {
    const model = id.replace(PROFILE_PREFIX, '')
    if (model === id) return [`arn:${place.partition}:bedrock:${place.region}::foundation-model/${id}`]
    return [
      `arn:${place.partition}:bedrock:${place.region}:${place.account}:inference-profile/${id}`,
      `arn:${place.partition}:bedrock:*::foundation-model/${model}`,
    ]
  })
}
