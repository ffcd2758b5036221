/** Calls a route inside this function, as the gateway would: a tool can do no more and no less than the route. */
import type { Scope } from '../../contract.ts'
import { mayUse as may, type Principal } from '../../core/domain/principal.ts'
import type { HttpAnswer, HttpRequest } from '../../hosts/http.ts'
import { type RouteHandler, refusal, withLimit, withRecord } from '../../hosts/lambda.ts'
import type { AnyRoute } from '../define-route.ts'

/** A route that agents may call, with the JSON Schema of its arguments. */
export interface RouteTool {
  readonly route: AnyRoute
  readonly input: Readonly<Record<string, unknown>>
}

/** Who called `/mcp`, and what of that call the routes must know. */
export interface Caller {
  readonly principal: Principal
  readonly base: string
  readonly receivedAt: number
  readonly idempotencyKey?: string | undefined
  readonly traceparent?: string | undefined
}

export type Arguments = Readonly<Record<string, unknown>>

export const mayUse = ({ principal }: Caller, scope: Scope): boolean => may(principal, scope)

const started = new Map<AnyRoute, RouteHandler>()

/** Opened when first used: most calls need one route of nine. */
function handlerOf(route: AnyRoute): RouteHandler {
  const known = started.get(route)
  if (known) return known
  const recorded = withRecord(route, route.start())
  // The call that brought it is counted, but for a submit, which is counted where it is made.
  const handler = route.isOwnCount ? withLimit(route, recorded) : recorded
  started.set(route, handler)
  return handler
}

/** @returns what the route answers; a refusal as the problem document that a caller over HTTP would get. */
export async function callRoute(
  route: AnyRoute,
  caller: Caller,
  given: Arguments,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const request = toRequest(route, caller, withDefaults(route, given), headers)
  try {
    return await handlerOf(route)(request)
  } catch (error) {
    return refusal(error, request)
  }
}

/** A null says nothing, as in any body: it must not put the route's own default in the place of the tool's. */
const withDefaults = (route: AnyRoute, given: Arguments): Arguments => ({
  ...given,
  ...Object.fromEntries(
    Object.entries(route.mcp?.defaults ?? {}).filter(([name]) => (given[name] ?? null) === null),
  ),
})

/** Arguments that are neither parameter nor query are the body; without a body they are refused with the query. */
function toRequest(
  route: AnyRoute,
  { principal, base, receivedAt }: Caller,
  given: Arguments,
  headers: Readonly<Record<string, string>>,
): HttpRequest {
  const isParameter = (name: string) => Object.hasOwn(route.params?.shape ?? {}, name)
  const isQuery = (name: string) => Object.hasOwn(route.query?.shape ?? {}, name) || !route.body
  const parameters: Record<string, string> = Object.create(null)
  const query: Record<string, readonly string[]> = Object.create(null)
  const body: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(given)) {
    if (isParameter(name)) parameters[name] = textOf(value)
    else if (!isQuery(name)) body[name] = value
    else if (value !== null && value !== undefined) query[name] = [textOf(value)]
  }
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(parameters[name] ?? ''),
  )
  const json = () => ({ ...body })
  return {
    method: route.method,
    path: `${base}${path}`,
    resource: `${base}${route.path}`,
    base,
    parameters,
    query,
    headers,
    tenant: principal.tenant,
    principal,
    note: () => undefined,
    receivedAt,
    json,
    optionalJson: json,
    text: () => JSON.stringify(body),
  }
}

/** As it would be in an address. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
