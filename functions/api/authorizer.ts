import middy from '@middy/core'
import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from 'aws-lambda'
import { ENV } from '../contract.ts'
import { openAuthentication } from '../core/application/keys/authenticate.ts'
import { readConfig } from '../hosts/config.ts'
import { openKeys } from '../hosts/keys.ts'
import { openTokens } from '../hosts/tokens.ts'

const { HAS_USAGE_PLAN } = readConfig([ENV.hasUsagePlan])
const authenticate = openAuthentication({ ...openKeys(), tokens: openTokens() })

/**
 * Says who calls. What they may do is checked by the function behind each route, against the scopes given here: the
 * policy opens the whole API, so that an answer that a gateway keeps is right for every route.
 */
export const handler = middy<APIGatewayRequestAuthorizerEvent, APIGatewayAuthorizerResult>().handler(
  async ({ headers, methodArn }) => {
    const token = tokenOf(headers ?? {})
    const principal = token === undefined ? undefined : await authenticate(token)
    // The one message that the gateway answers with 401.
    if (!principal) throw new Error('Unauthorized')
    const { tenant, keyId = '', scopes } = principal
    return {
      principalId: keyId,
      policyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource: wholeApi(methodArn) }],
      },
      context: { tenant, keyId, scopes: scopes.join(' ') },
    }
  },
)

/** `arn:aws:execute-api:region:account:api/stage/GET/…` without what follows the stage. */
const wholeApi = (methodArn: string): string => `${methodArn.split('/').slice(0, 2).join('/')}/*`

/** @returns undefined for none, and for two that differ: nobody can say which was meant. */
function tokenOf(headers: Readonly<Record<string, string | undefined>>): string | undefined {
  const sent = Object.entries(headers).flatMap(([name, value = '']) => {
    // Where the gateway has keys of its own, that header is theirs.
    if (name.toLowerCase() === 'x-api-key') return HAS_USAGE_PLAN ? [] : [value.trim()]
    if (name.toLowerCase() !== 'authorization') return []
    const bearer = /^Bearer +(\S+)$/i.exec(value.trim())?.[1]
    return bearer === undefined ? [] : [bearer]
  })
  const tokens = [...new Set(sent)]
  return tokens.length === 1 ? tokens[0] : undefined
}
