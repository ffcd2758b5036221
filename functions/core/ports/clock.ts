/** Time and chance, so that tests own both. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  /** Resolves after the time, or at once when the signal fires; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface Ids {
  /** 26 characters, sortable by time of creation. */
  taskId(): string
  /** The same id for the same tenant and idempotency key, always. */
  derivedTaskId(tenant: string, idempotencyKey: string): string
  /** Unguessable enough never to collide: attempt tokens, write ids. */
  token(): string
  /** A `traceparent` of a new trace. */
  trace(): string
  /** 16 hexadecimal digits. */
  spanId(): string
}
