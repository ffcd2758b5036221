/**
 * Replaces `@aws-sdk/endpoint-cache` in the bundles. DynamoDB's client creates such a cache, but no command uses it, because
 * endpoint discovery is off. The real one contains an LRU cache, 8 kB of every cold start.
 */
export class EndpointCache {
  getEndpoint(): undefined {
    return undefined
  }
}
