import { API_BASE, type Route } from '../contract.ts'
import { RequestError } from '../core/domain/errors.ts'
import type { RouteHandler } from '../hosts/lambda.ts'
import routesFile from './routes.gen.json' with { type: 'json' }

const routes = routesFile as readonly Route[]

/** Answers every path and method without a route: 405 with `Allow` when the path exists, else 404. */
export const fallbackRoute: RouteHandler = async ({ method, path, base, resource }) => {
  const shown = path.slice(0, 200)
  const allow = allowedAt(resource)
  if (allow.length === 0)
    throw new RequestError('not_found', `There is nothing at ${shown}. See ${base}/docs.`)
  if (method === 'OPTIONS') return { status: 204, headers: { allow: allow.join(', ') } }
  const stops = method === 'DELETE' && allowedAt(`${resource}/cancel`).includes('POST')
  const instead = stops ? ` To stop it: POST ${shown}/cancel.` : ''
  throw new RequestError(
    'method_not_allowed',
    `${shown} takes ${allow.join(', ')}, not ${method}.${instead}`,
    [],
    { detail: { allow } },
  )
}

/**
 * @param resource the path template that the gateway matched: it decides between `/tasks/example` and `/tasks/{id}`.
 * @returns the methods of that path.
 */
export function allowedAt(resource: string): readonly string[] {
  const methods = routes
    .filter((route) => `${API_BASE}${route.path}` === resource)
    .map(({ method }) => method)
  if (methods.length === 0) return []
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
}
