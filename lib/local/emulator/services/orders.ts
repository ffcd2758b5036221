import type { Keys } from './signature.ts'

/** Messages between a runtime and the thread of an embedded service. */
export interface ServiceOrder {
  readonly kind: 'dynamodb' | 'sqs-s3'
  /** Folder of its state. */
  readonly directory: string
  readonly region: string
  /** Credentials that may call it. */
  readonly keys: Keys
}

export type ThreadOrder = 'stop' | { readonly look: readonly string[] }

export interface QueueDepthSample {
  readonly name: string
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
  /** Age of the oldest message; 0 without messages. */
  readonly oldestMs: number
}
