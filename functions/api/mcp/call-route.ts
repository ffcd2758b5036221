/** Calls a route inside this function with the gateway's checks, so that a tool can do exactly what the route can. */
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

/** The caller of `/mcp`, and the facts about the call that routes need. */
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

/** Created at first use, because most calls need one route of nine. */
function handlerOf(route: AnyRoute): RouteHandler {
  const known = started.get(route)
  if (known) return known
  const recorded = withRecord(route, route.start())
  // The MCP request itself was counted, except submits, which are counted with their task.
  const handler = route.skipsRequestCount ? withLimit(route, recorded) : recorded
  started.set(route, handler)
  return handler
}

/** @returns the route's answer; for an error, the problem document that an HTTP caller would get. */
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

/** A null counts as absent, as in any body, so that the tool's default applies and not the route's. */
const withDefaults = (route: AnyRoute, given: Arguments): Arguments => ({
  ...given,
  ...Object.fromEntries(
    Object.entries(route.mcp?.defaults ?? {}).filter(([name]) => (given[name] ?? null) === null),
  ),
})

/** Arguments that are neither parameters nor query fields form the body; for a route without a body they are refused. */
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

/** As in a URL. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
