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
  async ({ headers, multiValueHeaders, methodArn }) => {
    const token = tokenOf(multiValueHeaders ?? headers ?? {})
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

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** @returns undefined for none, and for two that differ, in one header or in both: nobody can say which was meant. */
function tokenOf(headers: Headers): string | undefined {
  const sent = Object.entries(headers).flatMap(([name, values]) => {
    const all = (typeof values === 'object' ? values : [values ?? '']).map((value) => value.trim())
    // Where the gateway has keys of its own, that header is theirs.
    if (name.toLowerCase() === 'x-api-key') return HAS_USAGE_PLAN ? [] : all
    if (name.toLowerCase() !== 'authorization') return []
    return all.flatMap((value) => /^Bearer +(\S+)$/i.exec(value)?.[1] ?? [])
  })
  const tokens = [...new Set(sent)]
  return tokens.length === 1 ? tokens[0] : undefined
}
