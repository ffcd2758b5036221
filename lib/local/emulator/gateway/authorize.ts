import type { APIGatewayAuthorizerResult, APIGatewayProxyEvent } from 'aws-lambda'

/** Whether a request is allowed, decided like API Gateway does with a REQUEST authorizer. */
export type AuthorizerOutcome =
  | { readonly context: Readonly<Record<string, string>> }
  /** The type of the gateway response for the caller. */
  | { readonly refused: 'UNAUTHORIZED' | 'ACCESS_DENIED' | 'AUTHORIZER_FAILURE' }

/** @param invoke calls the authorizer's function with an event in JSON. */
export async function authorize(
  event: APIGatewayProxyEvent,
  region: string,
  invoke: (event: string) => Promise<string>,
): Promise<AuthorizerOutcome> {
  const { body: _body, isBase64Encoded: _isBase64, ...rest } = event
  const methodArn = arnOf(event, region)
  const sent = JSON.stringify({ type: 'REQUEST', methodArn, ...rest })
  const text = await invoke(sent).catch((cause: Error) => cause)
  // An authorizer requests a 401 by failing with exactly this message.
  if (text instanceof Error)
    return { refused: text.message === 'Error: Unauthorized' ? 'UNAUTHORIZED' : 'AUTHORIZER_FAILURE' }
  const answer = JSON.parse(text) as APIGatewayAuthorizerResult | null
  if (!answer?.principalId || !Array.isArray(answer.policyDocument?.Statement))
    return { refused: 'AUTHORIZER_FAILURE' }
  if (!isAllowed(answer, methodArn)) return { refused: 'ACCESS_DENIED' }
  const context = Object.entries(answer.context ?? {}).map(([name, value]) => [name, String(value)])
  return { context: { principalId: answer.principalId, ...Object.fromEntries(context) } }
}

const arnOf = (
  { requestContext: { apiId, stage, accountId }, httpMethod, path }: APIGatewayProxyEvent,
  region: string,
) => `arn:aws:execute-api:${region}:${accountId}:${apiId}/${stage}/${httpMethod}${path}`

/** An explicit deny takes precedence over any allow; a method that no statement names is denied. */
function isAllowed({ policyDocument }: APIGatewayAuthorizerResult, arn: string): boolean {
  const effects = policyDocument.Statement.filter((statement) => {
    const { Action = [], Resource = [] } = statement as {
      Action?: string | string[]
      Resource?: string | string[]
    }
    return (
      [Action].flat().some((action) => fits('execute-api:Invoke', action)) &&
      [Resource].flat().some((resource) => fits(arn, resource))
    )
  }).map(({ Effect }) => Effect)
  return effects.includes('Allow') && !effects.includes('Deny')
}

/** `*` matches any text, `?` any single character. */
function fits(text: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text)
}
