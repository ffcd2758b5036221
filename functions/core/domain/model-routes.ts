/** Which provider serves a model name, from the stage's settings. */
/** Model name, or prefix ending in `*` → name of a provider or of a model server. */
export type ModelRoutes = Readonly<Record<string, string>>

/** @returns the provider of the exact name, else of the first matching prefix (`gpt-*`) in the order of the settings. */
export function routeModel(routes: ModelRoutes, model: string): string | undefined {
  if (Object.hasOwn(routes, model) && !model.endsWith('*')) return routes[model]
  const pattern = Object.keys(routes).find(
    (name) => name.endsWith('*') && model.startsWith(name.slice(0, -1)),
  )
  return pattern === undefined ? undefined : routes[pattern]
}

/** Whether a model matches one of these names or prefixes ending in `*`. */
export const matchesModel = (names: readonly string[], model: string): boolean =>
  names.some((name) => (name.endsWith('*') ? model.startsWith(name.slice(0, -1)) : model === name))

/** Name of a model's circuit. One per model, so that a failing model does not pause the others of its provider. */
export const circuitOf = (provider: string, model: string): string => `${provider}:${model.slice(0, 200)}`

/** Circuit of the model that a caller names; undefined when no provider serves it. */
export function circuitOfModel(routes: ModelRoutes, model: string): string | undefined {
  const provider = routeModel(routes, model)
  return provider && circuitOf(provider, model)
}

/** The allowed names and prefixes, for an error message. */
export const describeModels = (routes: ModelRoutes): string => Object.keys(routes).join(', ')

/** The behaviours of the simulated provider: the part of a model's name after `simulated-`. */
export const SIMULATED_BEHAVIOURS =
  'fast, slow, slow-<seconds>, fail-<status>, flaky-<n>, 429, 429-<seconds>, hang, refuse, cut'
const SIMULATED = /^simulated-(?:fast|hang|refuse|cut|(?:slow|fail|flaky|429)(?:-\d{1,4})?)$/

/** @returns why the model is refused; undefined when it is allowed. */
export function refusalOfModel(routes: ModelRoutes, model: string): string | undefined {
  const provider = routeModel(routes, model)
  if (provider === undefined) return `"${model}" is not known. Known: ${describeModels(routes)}.`
  if (provider === 'simulated' && model.startsWith('simulated-') && !SIMULATED.test(model))
    return `"${model}" is not known: behind "simulated-" may stand ${SIMULATED_BEHAVIOURS}.`
  return undefined
}
