/** Messages between a runtime and the sandbox of an execution environment. Events and answers are JSON text. */
export interface EnvironmentOrder {
  readonly id: string
  readonly functionName: string
  readonly functionArn: string
  readonly codeDirectory: string
  /** `file.export`. */
  readonly handler: string
  readonly memoryMb: number
  readonly compileCache: string
}

export interface InvocationOrder {
  readonly kind: 'invoke'
  readonly requestId: string
  readonly event: string
  readonly timeoutMs: number
}

/** The receiver of a streamed answer has taken one piece. */
export interface TakenOrder {
  readonly kind: 'taken'
}

export type EnvironmentReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'broken'; readonly error: LambdaError }
  | { readonly kind: 'result'; readonly result: string }
  | { readonly kind: 'error'; readonly error: LambdaError }
  /** The streamed answer is complete. */
  | { readonly kind: 'streamed' }

export type EnvironmentMessage =
  | EnvironmentReply
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  /** From a process, on systems that do not report its memory to others. */
  | { readonly kind: 'memory'; readonly usedMb: number }
  /** An error was thrown outside the handler; the environment ends with it. */
  | { readonly kind: 'crashed'; readonly error: LambdaError }

/** Lambda's answer for a function that threw. */
export interface LambdaError {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace?: readonly string[]
}
