import { KEYED_PROVIDERS, type ServerSettings } from '../../functions/contract/providers.ts'
import { ENV } from '../../functions/contract.ts'
import type { StageSettings } from './stage-schema.ts'

/** What the functions get as `MODEL_ROUTES`. Exact Bedrock ids come first: a prefix below must not swallow them. */
export function modelRoutes({ models }: StageSettings): Readonly<Record<string, string>> {
  const bedrock = Object.fromEntries(models.bedrockModels.map((id) => [id, 'bedrock']))
  const servers = Object.fromEntries(
    models.servers.flatMap((server) => server.models.map((model) => [model, server.name])),
  )
  return { ...bedrock, ...servers, ...models.routes }
}

/** What a worker is told of addresses, further servers and the proxy; nothing where the stage says nothing. */
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
