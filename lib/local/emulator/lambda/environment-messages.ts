/** What a runtime and the sandbox of an execution environment tell each other. Events and answers are JSON text. */
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
  /** How long the invocation may take. */
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
  /** The streamed answer is whole. */
  | { readonly kind: 'streamed' }

export type EnvironmentMessage =
  | EnvironmentReply
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  /** Of a process, where the system does not tell others. */
  | { readonly kind: 'memory'; readonly usedMb: number }
  /** Something was thrown beside the handler; a process ends with it. */
  | { readonly kind: 'crashed'; readonly error: LambdaError }

/** As Lambda answers for a function that threw. */
export interface LambdaError {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace?: readonly string[]
}
