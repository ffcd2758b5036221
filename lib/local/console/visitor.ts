import type { IncomingMessage } from 'node:http'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import type { Deployment } from '../emulator/deployment.ts'
import { authorize } from '../emulator/gateway/authorize.ts'

/** A user of the console, with the scopes of the key. */
export interface Visitor {
  readonly tenant: string
  readonly headers: Readonly<Record<string, string>>
  /** Undefined on a stage without keys, where everybody has all scopes. */
  readonly scopes: readonly string[] | undefined
}

export interface VisitorRefusal {
  readonly status: 401 | 403 | 503
  readonly message: string
}

const ANYBODY: Visitor = { tenant: '', headers: {}, scopes: undefined }

/**
 * On a stage with keys the console needs a key too: the stage's own authorizer checks it, because the console reads data without
 * using the API's routes.
 */
export async function visitorOf(
  { headers }: IncomingMessage,
  { plan, pools }: Deployment,
  region: string,
): Promise<Visitor | VisitorRefusal> {
  const name = plan.api.methods.find(({ authorizer }) => authorizer !== undefined)?.authorizer
  if (name === undefined) return ANYBODY
  const key = headers['x-api-key']
  if (typeof key !== 'string') return { status: 401, message: 'The console of a closed stage wants a key.' }
  const sent = { 'x-api-key': key }
  const event = {
    headers: sent,
    httpMethod: 'GET',
    path: '/',
    requestContext: { apiId: 'local', stage: plan.api.stageName, accountId: '000000000000' },
  } as unknown as APIGatewayProxyEvent
  const outcome = await authorize(
    event,
    region,
    async (text) => (await pools.get(name)?.invokeText(text)) ?? 'null',
  )
  if (!('refused' in outcome))
    return {
      tenant: outcome.context.tenant ?? '',
      headers: sent,
      scopes: (outcome.context.scopes ?? '').split(' '),
    }
  return outcome.refused === 'AUTHORIZER_FAILURE'
    ? { status: 503, message: 'Keys cannot be checked now.' }
    : { status: 401, message: 'This key opens nothing here.' }
}

/** @returns the refusal, for a user without the scope. */
export const refusedFor = ({ scopes }: Visitor, scope: string): VisitorRefusal | undefined =>
  scopes === undefined || scopes.includes(scope)
    ? undefined
    : { status: 403, message: `This key lacks the scope "${scope}", which the console needs for it.` }
