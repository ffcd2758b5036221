/** Time and randomness, so that tests can control both. */
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
  /** Always the same id for the same tenant and idempotency key. */
  derivedTaskId(tenant: string, idempotencyKey: string): string
  /** Random and long enough never to repeat: attempt tokens, write ids. */
  token(): string
  /** A `traceparent` of a new trace. */
  trace(): string
  /** 16 hexadecimal digits. */
  spanId(): string
}
