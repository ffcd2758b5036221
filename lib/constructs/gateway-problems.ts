import * as apigateway from 'aws-cdk-lib/aws-apigateway'
import type { Construct } from 'constructs'
import type { StageSettings } from '../stages/stage-schema.ts'

interface GatewayProblem {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly retryAfterSeconds?: number
}

const keyRefused: GatewayProblem = {
  status: 403,
  code: 'forbidden',
  title: 'Forbidden',
  detail: 'A valid API key is needed. Send it in the header x-api-key.',
}
const refused = { ...keyRefused, detail: 'This request is not allowed.' }
/** States a status, because otherwise the gateway uses that of the 4xx fallback below for every type without its own answer. */
const signatureRefused = {
  ...refused,
  detail: 'The signature is wrong or too old. Sign the request anew, with credentials that are valid now.',
}
const malformed = { status: 400, code: 'malformed_request', title: 'Malformed request' }
const unavailable = {
  status: 503,
  code: 'unavailable',
  title: 'Temporarily unavailable',
  retryAfterSeconds: 1,
}

/**
 * Answers that API Gateway gives itself, before or instead of a function, in the format of all other errors.
 *
 * The gateway answers "missing authentication token" for every unknown path and method, so that answer becomes a 404.
 */
export const GATEWAY_PROBLEMS: Readonly<Record<string, GatewayProblem>> = {
  MISSING_AUTHENTICATION_TOKEN: {
    status: 404,
    code: 'not_found',
    title: 'Not found',
    detail: 'There is nothing at this path.',
  },
  RESOURCE_NOT_FOUND: {
    status: 404,
    code: 'not_found',
    title: 'Not found',
    detail: 'There is nothing at this path.',
  },
  INVALID_API_KEY: keyRefused,
  UNAUTHORIZED: { ...keyRefused, status: 401, code: 'unauthorized', title: 'Unauthorized' },
  AUTHORIZER_FAILURE: {
    ...unavailable,
    detail: 'Keys cannot be checked now. The request may be sent again.',
  },
  ACCESS_DENIED: refused,
  INVALID_SIGNATURE: signatureRefused,
  EXPIRED_TOKEN: signatureRefused,
  WAF_FILTERED: refused,
  THROTTLED: {
    status: 429,
    code: 'throttled',
    title: 'Too many requests',
    detail: 'Requests come faster than this stage allows.',
    retryAfterSeconds: 1,
  },
  QUOTA_EXCEEDED: {
    status: 429,
    code: 'quota_exceeded',
    title: 'Too many requests',
    detail: 'The quota of this API key is used up.',
    retryAfterSeconds: 3_600,
  },
  REQUEST_TOO_LARGE: {
    status: 413,
    code: 'payload_too_large',
    title: 'Too large',
    detail: 'The request is larger than the gateway takes.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    code: 'unsupported_media_type',
    title: 'Unsupported media type',
    detail: 'The body is read as JSON only, uncompressed or in gzip or deflate.',
  },
  BAD_REQUEST_BODY: { ...malformed, detail: 'The body cannot be read.' },
  BAD_REQUEST_PARAMETERS: { ...malformed, detail: 'A parameter cannot be read.' },
  INTEGRATION_FAILURE: {
    ...unavailable,
    detail: 'The service did not answer. The request may be sent again.',
  },
  INTEGRATION_TIMEOUT: {
    status: 504,
    code: 'timeout',
    title: 'Timeout',
    detail: 'The service did not answer in time. The request may be sent again.',
    retryAfterSeconds: 1,
  },
  DEFAULT_4XX: { ...malformed, detail: 'The gateway refused the request.' },
  DEFAULT_5XX: {
    status: 500,
    code: 'internal_error',
    title: 'Internal error',
    detail: 'Something failed on our side. The request id leads to the log line.',
  },
}

/** Where callers sign, every path and method exists, so a missing token means a request without a signature. */
const UNSIGNED: Readonly<Record<string, GatewayProblem>> = {
  MISSING_AUTHENTICATION_TOKEN: {
    status: 401,
    code: 'unauthorized',
    title: 'Unauthorized',
    detail: 'The request is not signed. Sign it with AWS credentials (Signature Version 4).',
  },
}

/** Adds these answers to an API. */
export function addGatewayProblems(
  scope: Construct,
  restApi: apigateway.IRestApi,
  { corsOrigins, auth }: Pick<StageSettings['api'], 'corsOrigins' | 'auth'>,
): void {
  const problems = auth === 'iam' ? { ...GATEWAY_PROBLEMS, ...UNSIGNED } : GATEWAY_PROBLEMS
  for (const [type, { retryAfterSeconds, ...problem }] of Object.entries(problems))
    new apigateway.GatewayResponse(scope, type, {
      restApi,
      type: apigateway.ResponseType.of(type),
      statusCode: String(problem.status),
      responseHeaders: {
        'Content-Type': "'application/problem+json'",
        'Cache-Control': "'no-store'",
        'X-Content-Type-Options': "'nosniff'",
        'x-request-id': 'context.requestId',
        ...allowOrigin(corsOrigins),
        ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': `'${retryAfterSeconds}'` }),
      },
      // This key chooses the template and is no header; the gateway would not choose one for "+json".
      templates: { 'application/json': toTemplate(problem) },
    })
}

/** Without it a page cannot read why it was refused. The body contains nothing confidential. */
const allowOrigin = (origins: readonly string[]): Record<string, string> =>
  origins.length === 0
    ? {}
    : {
        'Access-Control-Allow-Origin':
          origins.length === 1 && !origins[0]?.endsWith(':*')
            ? `'${origins[0]}'`
            : 'method.request.header.Origin',
        Vary: "'Origin'",
      }

const toTemplate = ({ status, code, title, detail }: GatewayProblem): string =>
  JSON.stringify({
    type: `urn:problem:task-runner:${code}`,
    title,
    status,
    detail,
    instance: '$context.path',
    code,
  })
