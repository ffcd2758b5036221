import { join } from 'node:path'
import type { FunctionPlan } from '../template/plan.ts'
import type {
  EnvironmentMessage,
  EnvironmentOrder,
  InvocationOrder,
  LambdaError,
  TakenOrder,
} from './environment-messages.ts'

/** Runs the code of one execution environment: a thread of this process, or a separate process. */
export interface Sandbox {
  /** Three consecutive measurements above this end the environment. */
  readonly maxMemoryMb: number
  /** False when it could not be started for lack of file descriptors, processes or memory; then nothing has run. */
  readonly hasStarted: Promise<boolean>
  post(order: InvocationOrder | TakenOrder): void
  /** Memory of its code; undefined when it is not known. */
  usedMb(): Promise<number | undefined>
  /** Ends it at once, also during an event. */
  end(): Promise<void>
}

export interface SandboxEvents {
  readonly onMessage: (message: EnvironmentMessage) => void
  /** Called for lines that its code did not write through the console. */
  readonly onLine: (line: string) => void
  readonly onEnd: (error: LambdaError) => void
}

export interface SandboxOptions extends SandboxEvents {
  /** Identifies the environment among those of its function. */
  readonly id: string
  readonly plan: FunctionPlan
  readonly env: Readonly<Record<string, string>>
  readonly compileCache: string
}

export type Isolation = 'thread' | 'process'

export const ENTRY = join(import.meta.dirname, 'environment-entry.mjs')

/** Heap space for short-lived objects. V8's default of 48 needs 20 MB more per environment under load, and is no faster. */
export const YOUNG_GENERATION_MB = 8

export const orderOf = ({ id, plan, compileCache }: SandboxOptions): EnvironmentOrder => ({
  id,
  functionName: plan.functionName,
  functionArn: plan.arn,
  codeDirectory: plan.codeDirectory,
  handler: plan.handler,
  memoryMb: plan.memoryMb,
  compileCache,
})

export const outOfMemory = ({ memoryMb }: FunctionPlan): LambdaError => ({
  errorType: 'Runtime.OutOfMemory',
  errorMessage: `The function used more than ${memoryMb} MB`,
})

export const ENVIRONMENT_GONE: LambdaError = {
  errorType: 'Runtime.ExitError',
  errorMessage: 'The environment is gone',
}

export const emitLines = (chunk: Buffer, onLine: (line: string) => void): void => {
  for (const line of chunk.toString().trimEnd().split('\n')) onLine(line)
}
