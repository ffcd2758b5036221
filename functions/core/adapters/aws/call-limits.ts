/** Timeouts of one attempt of a call: DynamoDB and SQS answer within about 10 ms. */
const CONNECTION_MS = 1_000
const REQUEST_MS = 4_000

/** An upload of 16 MB takes longer. */
export const PAYLOAD_MS = 15_000

let leastMs = 0

/**
 * Makes every later client wait at least this long. Called once, at cold start, where the services run on the same machine:
 * they answer late while it is busy, and a call that is given up and made again makes it busier.
 */
export function waitForServices(ms: number): void {
  leastMs = ms
}

/**
 * Timeouts of one attempt to call AWS; the SDK makes three. A service that does not answer must not use up the 29 s of a
 * request, or the lease of an attempt.
 */
export const callLimits = (requestMs = REQUEST_MS) => ({
  connectionTimeout: Math.max(CONNECTION_MS, leastMs),
  requestTimeout: Math.max(requestMs, leastMs),
  throwOnRequestTimeout: true,
})
