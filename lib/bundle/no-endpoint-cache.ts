/**
 * Takes the place of `@aws-sdk/endpoint-cache` in the bundles. DynamoDB's client makes one of them, and no command of it asks one:
 * endpoint discovery is off. The real one brings an LRU cache, 8 kB of every cold start.
 */
export class EndpointCache {
  getEndpoint(): undefined {
    return undefined
  }
}
