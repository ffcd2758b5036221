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
 * Authenticates the caller. Each route's function checks the caller's scopes, which are passed on here. The policy allows the
 * whole API, so that a cached policy is valid for every route.
 */
export const handler = middy<APIGatewayRequestAuthorizerEvent, APIGatewayAuthorizerResult>().handler(
  async ({ headers, multiValueHeaders, methodArn }) => {
    const token = tokenOf(multiValueHeaders ?? headers ?? {})
    const principal = token === undefined ? undefined : await authenticate(token)
    // The only error message that the gateway turns into 401.
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

/** `arn:aws:execute-api:region:account:api/stage/GET/…` without the part after the stage. */
const wholeApi = (methodArn: string): string => `${methodArn.split('/').slice(0, 2).join('/')}/*`

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** @returns undefined without a token, and for two different ones, because it is unclear which one was meant. */
function tokenOf(headers: Headers): string | undefined {
  const sent = Object.entries(headers).flatMap(([name, values]) => {
    const all = (typeof values === 'object' ? values : [values ?? '']).map((value) => value.trim())
    // Where the gateway has a usage plan, this header holds the gateway's key.
    if (name.toLowerCase() === 'x-api-key') return HAS_USAGE_PLAN ? [] : all
    if (name.toLowerCase() !== 'authorization') return []
    return all.flatMap((value) => /^Bearer +(\S+)$/i.exec(value)?.[1] ?? [])
  })
  const tokens = [...new Set(sent)]
  return tokens.length === 1 ? tokens[0] : undefined
}
