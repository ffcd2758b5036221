/** Which provider answers for a model name, as the stage's file says. */
/** Model name, or prefix ending in `*` → name of a provider or of a further server. */
export type ModelRoutes = Readonly<Record<string, string>>

/** @returns the provider of an exact name, else of the first prefix (`gpt-*`) that fits, in order of writing. */
export function routeModel(routes: ModelRoutes, model: string): string | undefined {
  if (Object.hasOwn(routes, model) && !model.endsWith('*')) return routes[model]
  const pattern = Object.keys(routes).find(
    (name) => name.endsWith('*') && model.startsWith(name.slice(0, -1)),
  )
  return pattern === undefined ? undefined : routes[pattern]
}

/** Whether a model is among names and prefixes ending in `*`. */
export const fitsModel = (names: readonly string[], model: string): boolean =>
  names.some((name) => (name.endsWith('*') ? model.startsWith(name.slice(0, -1)) : model === name))

/** Name of a model's circuit: one that fails must not pause the others of its provider. */
export const circuitOf = (provider: string, model: string): string => `${provider}:${model.slice(0, 200)}`

/** The same of a model that a caller names; undefined for one that nobody answers. */
export function circuitOfModel(routes: ModelRoutes, model: string): string | undefined {
  const provider = routeModel(routes, model)
  return provider && circuitOf(provider, model)
}

/** The names and prefixes a caller may use, for an error message. */
export const describeModels = (routes: ModelRoutes): string => Object.keys(routes).join(', ')

/** What a model name can ask the simulated provider for, behind `simulated-`. */
export const SIMULATED_BEHAVIOURS =
  'fast, slow, slow-<seconds>, fail-<status>, flaky-<n>, 429, 429-<seconds>, hang, refuse, cut'
const SIMULATED = /^simulated-(?:fast|hang|refuse|cut|(?:slow|fail|flaky|429)(?:-\d{1,4})?)$/

/** @returns why a task may not ask for this model, undefined when it may. */
export function refusalOfModel(routes: ModelRoutes, model: string): string | undefined {
  const provider = routeModel(routes, model)
  if (provider === undefined) return `"${model}" is not known. Known: ${describeModels(routes)}.`
  if (provider === 'simulated' && model.startsWith('simulated-') && !SIMULATED.test(model))
    return `"${model}" is not known: behind "simulated-" may stand ${SIMULATED_BEHAVIOURS}.`
  return undefined
}
