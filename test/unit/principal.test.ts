import type { APIGatewayProxyEvent, Context } from 'aws-lambda'
import { afterEach, describe, expect, it, vi } from 'vitest'
import routesFile from '../../functions/api/routes.gen.json' with { type: 'json' }
import { API_BASE, type Route, SCOPES, type Scope } from '../../functions/contract.ts'
import { parseScopes } from '../../functions/core/domain/principal.ts'
import { httpHandler } from '../../functions/hosts/lambda.ts'

const ROUTES = routesFile as readonly Route[]

afterEach(() => vi.unstubAllEnvs())

/** Every declared route with the same handler, so that a new route is covered automatically. */
function serve(auth: string) {
  vi.stubEnv('STAGE', 'test')
  vi.stubEnv('AUTH', auth)
  const handler = httpHandler(
    ROUTES.map((route) => ({
      ...route,
      skipsAudit: true as const,
      skipsRequestCount: true as const,
      start:
        () =>
        async ({ principal }) => ({ status: 200, body: principal }),
    })),
  )
  return async (route: Route, authorizer: object | null, identity: object = {}) => {
    const event = {
      httpMethod: route.method,
      path: `${API_BASE}${route.path}`,
      resource: `${API_BASE}${route.path}`,
      headers: {},
      requestContext: { requestId: 'r', path: `${API_BASE}${route.path}`, authorizer, identity },
    } as unknown as APIGatewayProxyEvent
    const answer = (await handler(event, {} as Context)) as { statusCode: number; body: string }
    return { status: answer.statusCode, body: JSON.parse(answer.body) as Record<string, unknown> }
  }
}

const context = (scopes: readonly Scope[]) => ({ tenant: 'a', keyId: 'k1', scopes: scopes.join(' ') })

describe('a stage with API keys', () => {
  it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s takes a key with its scope alone',
    async (_name, route) => {
      const call = serve('keys')
      const others = SCOPES.filter((scope) => scope !== route.scope)
      const isOpen = route.scope === 'open'
      expect((await call(route, context(others))).status).toBe(isOpen ? 200 : 403)
      expect((await call(route, context([]))).status).toBe(isOpen ? 200 : 403)
      // Without the authorizer's answer there is no access.
      expect((await call(route, null)).status).toBe(isOpen ? 200 : 403)
      expect((await call(route, {})).status).toBe(isOpen ? 200 : 403)
      const answer = await call(route, context([route.scope]))
      expect(answer).toMatchObject({ status: 200, body: { tenant: 'a', keyId: 'k1' } })
    },
  )

  it('a refusal names the scope', async () => {
    const route = ROUTES.find(({ scope }) => scope === 'ops:write') as Route
    expect((await serve('keys')(route, context(['tasks:read']))).body).toMatchObject({
      code: 'forbidden',
      detail: 'This key lacks the scope "ops:write". It has: tasks:read.',
    })
  })
})

describe('a stage with signed calls', () => {
  const account = '123456789012'
  const callers = [
    { arn: `arn:aws:iam::${account}:role/teams/batch`, tenant: 'batch', scopes: ['tasks:read'] },
    { arn: `arn:aws:iam::${account}:user/ann`, tenant: 'ann', scopes: [...SCOPES] },
  ]
  const signed = (userArn: string) => ({ userArn })
  const session = `arn:aws:sts::${account}:assumed-role/batch/job-1`

  it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s takes a listed caller with its scope alone',
    async (_name, route) => {
      vi.stubEnv('IAM_CALLERS', JSON.stringify(callers))
      const call = serve('iam')
      const isOpen = route.scope === 'open'
      const mayRead = isOpen || route.scope === 'tasks:read'
      expect((await call(route, null, signed(session))).status).toBe(mayRead ? 200 : 403)
      expect((await call(route, null, signed(`arn:aws:iam::${account}:user/ann`))).status).toBe(200)
      // An authorizer's answer is ignored here: the stage has no authorizer.
      expect((await call(route, context([route.scope]))).status).toBe(isOpen ? 200 : 403)
      expect((await call(route, null)).status).toBe(isOpen ? 200 : 403)
    },
  )

  it('identifies a role by its account and full name, not by similar ones', async () => {
    vi.stubEnv('IAM_CALLERS', JSON.stringify(callers))
    const call = serve('iam')
    const route = ROUTES.find(({ scope }) => scope === 'tasks:read') as Route
    expect((await call(route, null, signed(session))).body).toMatchObject({
      tenant: 'batch',
      keyId: 'iam:assumed-role/batch/job-1',
    })
    for (const other of [
      `arn:aws:sts::210987654321:assumed-role/batch/job-1`,
      `arn:aws:sts::${account}:assumed-role/batch2/job-1`,
      `arn:aws:sts::${account}:assumed-role/x/batch/job-1`,
      `arn:aws:sts::${account}:assumed-role/batch`,
      `arn:aws-cn:sts::${account}:assumed-role/batch/job-1`,
      `arn:aws:sts::${account}:federated-user/batch`,
      `arn:aws:iam::${account}:user/ann2`,
      `arn:aws:iam::${account}:root`,
    ])
      expect([other, (await call(route, null, signed(other))).status]).toEqual([other, 403])
  })
})

it('a stage without keys accepts everybody, as one tenant with every scope', async () => {
  const route = ROUTES.find(({ scope }) => scope === 'keys:admin') as Route
  const answer = await serve('open')(route, null)
  expect(answer).toMatchObject({ status: 200, body: { tenant: 'default', scopes: [...SCOPES] } })
})

it('words that are not scopes give no rights', () => {
  expect(parseScopes('tasks:read * admin ops tasks:read,ops:write')).toEqual(['tasks:read'])
})

describe('a request whose function runs out of time', () => {
  it('is refused with 503 and may be sent again', async () => {
    vi.stubEnv('STAGE', 'test')
    vi.stubEnv('AUTH', 'open')
    const route = ROUTES.find(({ scope }) => scope === 'open') as Route
    const handler = httpHandler([{ ...route, start: () => () => new Promise(() => undefined) }])
    const path = `${API_BASE}${route.path}`
    const event = { httpMethod: route.method, path, resource: path, requestContext: { path } }
    const time = { getRemainingTimeInMillis: () => 50 }
    const answer = await handler(event as unknown as APIGatewayProxyEvent, time as Context)
    expect(answer).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } })
  })
})
