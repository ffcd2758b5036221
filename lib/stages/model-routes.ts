import { KEYED_PROVIDERS, type ServerSettings } from '../../functions/contract/providers.ts'
import { ENV } from '../../functions/contract.ts'
import type { StageSettings } from './stage-schema.ts'

/** The value of `MODEL_ROUTES`. Exact Bedrock ids come first, because the first match applies and a prefix could match them. */
export function modelRoutes({ models }: StageSettings): Readonly<Record<string, string>> {
  const bedrock = Object.fromEntries(models.bedrockModels.map((id) => [id, 'bedrock']))
  const servers = Object.fromEntries(
    models.servers.flatMap((server) => server.models.map((model) => [model, server.name])),
  )
  return { ...bedrock, ...servers, ...models.routes }
}

/** Environment of the workers with addresses, model servers and the proxy; empty where the stage sets none. */
export function modelEnvironment({ models }: StageSettings): Readonly<Record<string, string>> {
  const servers: Record<string, ServerSettings> = {}
  for (const [name, baseUrl] of Object.entries(models.baseUrls))
    servers[name] = { speaks: name as ServerSettings['speaks'], baseUrl }
  if (models.background.length > 0)
    servers.openai = { ...(servers.openai ?? { speaks: 'openai' }), background: models.background }
  for (const { name, speaks, baseUrl, isKeyless, dialect, background } of models.servers)
    servers[name] = {
      speaks,
      baseUrl,
      ...(isKeyless ? { isKeyless } : {}),
      ...(dialect ? { dialect } : {}),
      ...(background.length > 0 ? { background } : {}),
    }
  if (models.isRecorded)
    for (const name of new Set<string>([...KEYED_PROVIDERS, ...Object.keys(servers)]))
      servers[name] = { ...(servers[name] ?? { speaks: name as ServerSettings['speaks'] }), isRecorded: true }
  const { https, http, noProxy } = models.proxy
  return {
    ...(Object.keys(servers).length > 0 ? { [ENV.modelServers]: JSON.stringify(servers) } : {}),
    ...(https ? { [ENV.httpsProxy]: https } : {}),
    ...(http ? { [ENV.httpProxy]: http } : {}),
    ...(noProxy ? { [ENV.noProxy]: noProxy } : {}),
  }
}

/** The id of an inference profile is its model's id with one of these prefixes. */
const PROFILE_PREFIX = /^(?:us|us-gov|eu|apac|jp|au|ca|global)\./

/**
 * ARNs of Bedrock models for a policy. A profile sends a call to its model in any of several Regions, so the policy needs the
 * profile itself and the model in all of them.
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
