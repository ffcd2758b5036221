import type { Keys } from './signature.ts'

/** What a runtime and the thread of an embedded service tell each other. */
export interface ServiceOrder {
  readonly kind: 'dynamodb' | 'sqs-s3'
  /** Folder of its state. */
  readonly directory: string
  readonly region: string
  /** Of whoever may call. */
  readonly keys: Keys
}

export type ThreadOrder = 'stop' | { readonly look: readonly string[] }

/** What is in a queue right now. */
export interface QueueDepthSample {
  readonly name: string
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
  /** How long the oldest message that is in it has been; 0 for none. */
  readonly oldestMs: number
}
