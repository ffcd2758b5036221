/** Which web pages may call the API, and which headers they may send and read. */

const SENT_HEADERS =
  'authorization, content-type, idempotency-key, if-none-match, last-event-id, mcp-method, mcp-name, mcp-protocol-version, prefer, traceparent, x-api-key'
const READ_HEADERS =
  'allow, etag, idempotent-replayed, location, preference-applied, ratelimit, ratelimit-policy, retry-after, x-request-id'
/** Browsers cache a preflight's answer for at most two hours. */
const MAX_AGE_SECONDS = 7_200

/**
 * @param origins `https://app.example.com`, `http://localhost:*` for any port, or `*` for all.
 * @returns the CORS headers of the answer. None allows cookies, because keys are sent as headers.
 */
export function corsHeaders(
  origins: readonly string[],
  method: string,
  headers: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  if (origins.length === 0) return {}
  const vary = { vary: 'origin' }
  const { origin } = headers
  if (origin === undefined || !origins.some((allowed) => isAllowed(allowed, origin))) return vary
  const isPreflight = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
  return {
    ...vary,
    'access-control-allow-origin': origin,
    ...(isPreflight
      ? {
          'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
          'access-control-allow-headers': SENT_HEADERS,
          'access-control-max-age': String(MAX_AGE_SECONDS),
        }
      : { 'access-control-expose-headers': READ_HEADERS }),
  }
}

function isAllowed(allowed: string, origin: string): boolean {
  if (allowed === '*' || allowed === origin) return true
  return allowed.endsWith(':*') && origin.replace(/:\d{1,5}$/, '') === allowed.slice(0, -2)
}
