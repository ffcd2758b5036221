import { API_BASE, type Route } from '../contract.ts'
import { RequestError } from '../core/domain/errors.ts'
import type { RouteHandler } from '../hosts/lambda.ts'
import routesFile from './routes.gen.json' with { type: 'json' }

const routes = (routesFile as readonly Route[]).map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${`${API_BASE}${path}`.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}/?$`),
}))

/** Every path and method that no route has: 405 with `Allow` where the path exists, else 404. */
export const fallbackRoute: RouteHandler = async ({ method, path }) => {
  const allow = allowedAt(path)
  if (allow.length === 0)
    throw new RequestError('not_found', `There is nothing at ${path.slice(0, 200)}. See ${API_BASE}/docs.`)
  if (method === 'OPTIONS') return { status: 204, headers: { allow: [...allow, 'OPTIONS'].join(', ') } }
  throw new RequestError(
    'method_not_allowed',
    `${path.slice(0, 200)} takes ${allow.join(', ')}, not ${method}.`,
    [],
    {
      detail: { allow },
    },
  )
}

/** @returns the methods of a path, with or without the stage's name in front. */
export function allowedAt(path: string): readonly string[] {
  const below = path.slice(Math.max(0, path.indexOf(API_BASE)))
  return routes.filter(({ pattern }) => pattern.test(below)).map(({ method }) => method)
}
