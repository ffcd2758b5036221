/** Told of everything that happens in a runtime; the console draws from it what CloudWatch would. */
export interface Observer {
  /** A function wrote a line. */
  wrote(functionName: string, line: string): void
  /** A function answered, or failed to. */
  invoked(functionName: string, outcome: { readonly durationMs: number; readonly isError: boolean }): void
  /** The API answered. */
  answered(status: number, latencyMs: number): void
}
