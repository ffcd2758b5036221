/** Receives all events of a runtime; the console derives CloudWatch's data from them. */
export interface Observer {
  wrote(functionName: string, line: string): void
  /** A function answered or failed. */
  invoked(functionName: string, outcome: { readonly durationMs: number; readonly isError: boolean }): void
  /** The API answered. */
  answered(status: number, latencyMs: number): void
}
