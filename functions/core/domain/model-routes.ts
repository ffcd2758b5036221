/** Which provider answers for a model name, as the stage's file says. */
import type { ProviderName } from '../../contract.ts'

export type ModelRoutes = Readonly<Record<string, ProviderName>>

/** @returns the provider of an exact name, else of the first prefix (`gpt-*`) that fits, in order of writing. */
export function routeModel(routes: ModelRoutes, model: string): ProviderName | undefined {
  if (Object.hasOwn(routes, model) && !model.endsWith('*')) return routes[model]
  const pattern = Object.keys(routes).find(
    (name) => name.endsWith('*') && model.startsWith(name.slice(0, -1)),
  )
  return pattern === undefined ? undefined : routes[pattern]
}

/** The names and prefixes a caller may use, for an error message. */
export const describeModels = (routes: ModelRoutes): string => Object.keys(routes).join(', ')
